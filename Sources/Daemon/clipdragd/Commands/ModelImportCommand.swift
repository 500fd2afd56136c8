import ArgumentParser
import Diffusion
import DurableFiles
import EditJobs
import Evaluation
import Foundation
import JobFiles
import JSON
import ModelManagement

extension ModelsCommand {
    /// Makes a model of a folder or file.
    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Import a model from a diffusers folder or a checkpoint file.")
        @Argument(help: "A diffusers folder, or a checkpoint file.") var path: String
        @Option(help: "The model's name (default: the name of the folder or file).") var name: String?
        @Option(
            help: ArgumentHelp(
                "The folder of a CLIP model, for guidance and its tokenizer.", valueName: "DIR"))
        var clip: String?
        @Option(
            help: ArgumentHelp("A VAE to use instead of the model's own.", valueName: "DIR|FILE"))
        var vae: String?
        @Option(
            name: .customLong("model-config"),
            help: ArgumentHelp(
                "A folder with the configurations and tokenizer for a checkpoint file.",
                valueName: "DIR"))
        var modelConfig: String?
        @Option(help: "What the network of a checkpoint file predicts: epsilon or v_prediction.")
        var prediction: String?
        @Option(
            name: .customLong("as"),
            help: ArgumentHelp(
                "lpips: the file holds LPIPS's weights, for `clipdragd evaluate`.", valueName: "KIND"))
        var kind: Kind?
        @OptionGroup var places: PlaceOptions
        @OptionGroup var output: OutputOptions

        /// What else than a model can be imported.
        enum Kind: String, ExpressibleByArgument, CaseIterable { case lpips }

        func validate() throws {
            if kind == .lpips,
                name != nil || clip != nil || vae != nil || modelConfig != nil || prediction != nil
            {
                throw ValidationError("--as lpips takes no other option of a model.")
            }
            if let prediction, NoiseSchedule.Prediction(rawValue: prediction) == nil {
                throw ValidationError("--prediction takes epsilon or v_prediction.")
            }
        }

        func run() throws {
            try output.report {
                let models = StateLayout(places.stateFolder).models
                guard kind == nil else {
                    let file = try LPIPS.importing(absolutePath(path), into: models)
                    return print(output.json ? ImportedFile(file: file).oneLine : PathCoding.onOneLine(file))
                }
                var work = ModelImport(source: absolutePath(path))
                work.name = name
                work.clip = clip.map(absolutePath)
                work.vae = vae.map(absolutePath)
                work.config = modelConfig.map(absolutePath)
                work.prediction = prediction.flatMap { NoiseSchedule.Prediction(rawValue: $0) }
                let made = try work.run(into: models)
                guard !output.json else {
                    let line = ImportedModel(
                        name: made.name, folder: made.folder, notes: made.notes,
                        understood: ModelsCommand.understood(made.facts))
                    return print(line.oneLine)
                }
                for note in made.notes { output.printLine("note: \(note)") }
                print(ModelPlace(name: made.name, folder: made.folder).text(json: false))
                for (name, text) in made.facts { output.printLine("  \(name): \(text)") }
            }
        }
    }
}

/// The line of `models import --json`.
private struct ImportedModel: Record {
    static let schema = "clipdrag-model-imported/1"
    let name, folder: String
    let notes: [String]
    /// What was understood of the model's files.
    let understood: OrderedFields<String>
}

/// The line of `models import --as lpips --json`.
private struct ImportedFile: Record {
    static let schema = "clipdrag-file-imported/1"
    let file: String
}
