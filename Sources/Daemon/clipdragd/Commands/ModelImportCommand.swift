import ArgumentParser
import Diffusion
import DurableFiles
import EditJobs
import Foundation
import JobFiles
import JSON
import ModelManagement

extension ModelsCommand {
    /// Makes a model of a folder or file.
    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a model of a diffusers folder or a checkpoint file.")
        @Argument(help: "A folder as diffusers publishes it, or a checkpoint of one file.") var path: String
        @Option(help: "The model's name; by default that of the folder or file.") var name: String?
        @Option(
            help: ArgumentHelp("A CLIP model's folder: it guides, and has the tokenizer.", valueName: "DIR"))
        var clip: String?
        @Option(
            help: ArgumentHelp("Another VAE in the place of the model's own.", valueName: "DIR|FILE"))
        var vae: String?
        @Option(
            name: .customLong("model-config"),
            help: ArgumentHelp(
                "A folder whose configurations and tokenizer count for a checkpoint of one file.",
                valueName: "DIR"))
        var modelConfig: String?
        @Option(help: "What a checkpoint of one file predicts: epsilon or v_prediction.")
        var prediction: String?
        @OptionGroup var places: PlaceOptions
        @OptionGroup var output: OutputOptions

        func validate() throws {
            if let prediction, NoiseSchedule.Prediction(rawValue: prediction) == nil {
                throw ValidationError("--prediction takes epsilon or v_prediction.")
            }
        }

        func run() throws {
            try output.report {
                var work = ModelImport(source: absolutePath(path))
                work.name = name
                work.clip = clip.map(absolutePath)
                work.vae = vae.map(absolutePath)
                work.config = modelConfig.map(absolutePath)
                work.prediction = prediction.flatMap { NoiseSchedule.Prediction(rawValue: $0) }
                let made = try work.run(into: StateLayout(places.stateFolder).models)
                guard !output.json else {
                    print(
                        JSONValue.object([
                            ("name", .string(made.name)), ("folder", .string(made.folder)),
                            ("notes", .array(made.notes.map { .string($0) })),
                        ]).line)
                    return
                }
                for note in made.notes { output.tell("note: \(note)") }
                print("\(PathCoding.onOneLine(made.name))\t\(PathCoding.onOneLine(made.folder))")
            }
        }
    }
}
