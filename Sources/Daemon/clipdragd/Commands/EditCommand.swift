import ArgumentParser
import Diffusion
import DragEditing
import DurableFiles
import EditJobs
import Failures
import Foundation
import JobFiles
import JSON
import ModelManagement
import Processes
import ServiceConfiguration
import Settings
import SpecParser
import TensorCore
import Verdicts

/// `clipdragd edit`: one job, without a daemon.
struct EditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit", abstract: "Edit one picture and write a job folder's files.")

    @Argument(help: "The picture.")
    var image: String

    @Argument(help: "The spec; none is needed with --drag or --prompt.")
    var spec: String?

    @Option(
        help: ArgumentHelp(
            "The folder to write; it must be empty or absent (default: PICTURE-edit in the working folder, with a number if that is there).",
            valueName: "DIR"))
    var out: String?

    @OptionGroup var wish: SpecOptions

    @Option(
        help: ArgumentHelp(
            "A LoRA file (diffusers or kohya), used instead of fine-tuning.", valueName: "FILE"))
    var lora: String?

    @Option(help: "The scale of --lora, from -10 to 10.")
    var loraScale = 1.0

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("A setting that overrides the spec's.", valueName: "KEY=VALUE"),
        completion: Completions.setting)
    var settings: [String] = []

    @Option(
        help: ArgumentHelp(
            "Write the edit's tensors, in the reference's format.", valueName: "FILE.safetensors"))
    var trace: String?

    @Option(help: ArgumentHelp("Write the fine-tuned LoRA in the diffusers layout.", valueName: "FILE"))
    var saveLora: String?

    @OptionGroup var method: MethodOption
    @OptionGroup var model: ModelOptions
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if let spec, PictureIndex.extensions.contains(fileExtension(spec)),
            ["yaml", "yml", "json"].contains(fileExtension(image))
        {
            throw ValidationError("The picture comes first, then the spec.")
        }
        guard spec != nil || wish.hasWork else {
            throw ValidationError("Give a spec, --drag X,Y:X,Y, or --prompt TEXT: there is nothing to do.")
        }
        guard (-10...10).contains(loraScale) else {
            throw ValidationError("--lora-scale takes a number from -10 to 10.")
        }
    }

    func run() throws {
        try output.report {
            let configuration = try places.configuration()
            var options = method.jobOptions(configuration)
            options.spec = wish.overrides
            options.overrides = try settings.map { try parseSetting($0) }
            options.lora = lora
            options.loraScale = loraScale
            for path in [image, spec, lora].compactMap({ $0 })
            where !FileManager.default.fileExists(atPath: path) {
                throw Failure(
                    .missingInput, code: "file.missing", message: "\(path) is not there", file: path,
                    hint: "Check the path.")
            }
            let files = PosixFileSystem()
            let out = try freeOut(files)
            let folder = try model.folder(configuration, state: places.stateFolder)
            let plan = try JobPlan(
                spec: spec, image: image, isImageNeeded: true,
                recommended: try ModelStore.recommended(folder), model: folder,
                options: options)
            let isNew = !FileManager.default.fileExists(atPath: out)
            try create(out, files)
            // What fails from here on leaves no empty folder.
            defer { if isNew { rmdir(PathCoding.cString(out)) } }
            // A trace is compared with the reference, which computes in f32.
            model.apply(folder, automatic: trace == nil ? nil : .f32)
            let loaded = try ModelStore.load(folder)
            let name = stem(lastComponent(spec ?? image))
            let recorder = trace == nil && saveLora == nil ? nil : TraceRecorder(wantsTensors: trace != nil)
            let progress = ProgressPrinter(json: output.json)
            let products = try EditJob(loaded, options).run(
                plan, identity: JobIdentity(id: UUID().uuidString.lowercased(), name: name),
                imagePath: absolutePath(image),
                // A trace holds all stages, so none comes from the cache.
                cache: trace == nil ? JobCache(places.cache(configuration)) : nil,
                trace: recorder, announce: progress.announce, warn: OutputOptions.warn,
                report: progress.report)
            progress.finish()
            try write(products.files, into: out, recorder, files)
            products.settle()
            EditSummary(products, in: out).print(json: output.json)
        }
    }

    /// The folder to write: absent, or there and empty.
    private func freeOut(_ files: PosixFileSystem) throws(Failure) -> String {
        do {
            let out = try out ?? "./" + files.freeName("\(stem(lastComponent(image)))-edit", in: ".")
            if let status = try files.status(out) {
                let entries = status.kind == .directory ? try files.list(out) : nil
                guard entries?.isEmpty == true else {
                    throw Failure(
                        .badOutput, code: "out.not_empty", message: "\(out) is not an empty folder",
                        file: out,
                        hint: "Give a new folder, or empty this one.")
                }
            }
            return out
        } catch let error as FileError {
            throw Failure(error, .badOutput)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(unexpected: error)
        }
    }

    private func create(_ out: String, _ files: PosixFileSystem) throws(Failure) {
        do { try files.createDirectory(out) } catch { throw Failure(error, .badOutput) }
    }

    private func write(
        _ products: [ResultFile], into out: String, _ recorder: TraceRecorder?, _ files: PosixFileSystem
    ) throws(Failure) {
        do {
            for product in products { try files.create("\(out)/\(product.name)", product.bytes, mode: 0o644) }
            if let recorder, let trace { try recorder.save(as: trace, files) }
            if let saveLora, let lora = recorder?.lora {
                try files.replace(saveLora, lora.encoded(), mode: 0o644)
            }
        } catch { throw Failure(error, .badOutput) }
    }
}
