import ArgumentParser
import DurableFiles
import EditJobs
import Failures
import Imaging
import JobFiles
import JSON
import ModelManagement
import ServiceConfiguration
import SpecParser

/// `clipdragd preview`: a picture of what a spec asks for, without an edit and without a model.
struct PreviewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "preview",
        abstract: "Draw what a spec asks for: its marks on the picture, and the stretched picture.")

    @Argument(help: "The spec.", completion: Completions.spec)
    var spec: String

    @Option(
        help: ArgumentHelp("The picture, if it does not lie beside the spec.", valueName: "IMAGE"),
        completion: Completions.picture)
    var image: String?

    @Option(
        help: ArgumentHelp(
            "The file to write (default: the spec's stem with .preview.png, in the working directory).",
            valueName: "FILE.png"), completion: .file(extensions: ["png"]))
    var out: String?

    @Option(help: ArgumentHelp("The model's folder or name.", valueName: "DIR|NAME"), completion: .directory)
    var model: String?

    @OptionGroup var method: MethodOption
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            let configuration = try places.configuration()
            let folder = try modelFolder(configuration.model)
            let plan = try JobPlan(
                spec: spec, image: image, isImageNeeded: true,
                recommended: try folder.map { folder throws(Failure) in
                    try ModelStore.recommended(folder)
                } ?? [], model: folder ?? "", options: method.jobOptions(configuration))
            guard let preview = EditPreview(plan, latent: folder.flatMap { plan.latentSize($0) }) else {
                preconditionFailure("a plan that needs its picture has one")
            }
            let path = out ?? "\(stem(lastComponent(spec))).preview.png"
            let bytes = try preview.image.pngBytes()
            do throws(FileError) { try PosixFileSystem().replace(path, bytes, mode: 0o644) } catch {
                throw Failure(error, .badOutput)
            }
            if output.json {
                print(PreviewLine(preview: PathCoding.shown(path), notes: plan.notes).oneLine)
            } else {
                output.printLine(path)
                for note in plan.notes { output.printLine("  note       \(note)") }
            }
        }
    }

    /// The folder of the model, whose configs alone are read. A preview does without the default model.
    private func modelFolder(_ configured: String?) throws(Failure) -> String? {
        let store = ModelStore(stateFolder: places.stateFolder)
        if let name = model ?? configured { return try store.folder(of: name) }
        return try? store.folder(of: ModelStore.defaultName)
    }
}

/// The line of `preview --json`.
private struct PreviewLine: Record {
    static let schema = "clipdrag-preview/1"
    /// The picture's path.
    let preview: String
    let notes: [String]
}
