import ArgumentParser
import Diffusion
import DurableFiles
import EditJobs
import Foundation
import JSON
import ModelManagement

/// `clipdragd models`: lists, shows and verifies models.
struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "List, show, verify, import and fetch models.",
        subcommands: [List.self, Show.self, Verify.self, Import.self, Fetch.self],
        defaultSubcommand: List.self)

    /// Names and folders.
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the installed models.")
        @OptionGroup var places: PlaceOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            for (name, folder) in ModelStore(stateFolder: places.stateFolder).all {
                print(ModelPlace(name: name, folder: folder).text(json: output.json))
            }
        }
    }

    /// One model's figures.
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show a model.")
        @Argument(help: "The model's name or folder.") var name = ModelStore.defaultName
        @OptionGroup var places: PlaceOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            try output.report {
                let folder = try ModelStore(stateFolder: places.stateFolder).folder(of: name)
                let model = try ModelStore.load(folder)
                let figures = ModelFigures(model, folder, sha256: try ModelStore.weightsDigest(folder))
                if output.json {
                    print(figures.oneLine)
                } else {
                    for line in figures.lines { output.printLine(line) }
                }
            }
        }
    }

    /// Checks every file, key, shape, vocabulary and value.
    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check a model's files, keys, shapes, vocabularies and every weight.")
        @Argument(help: "The model's name or folder.") var name = ModelStore.defaultName
        @OptionGroup var places: PlaceOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            try output.report {
                let folder = try ModelStore(stateFolder: places.stateFolder).folder(of: name)
                let found = try ModelStore.verify(folder)
                guard !output.json else {
                    let line = VerifiedModel(
                        name: found.name, ok: true, notes: found.notes,
                        understood: ModelsCommand.understood(found.summary.facts))
                    return print(line.oneLine)
                }
                for note in found.notes { output.printLine("note: \(note)") }
                output.printLine("\(found.name): good")
            }
        }
    }
}

extension ModelsCommand {
    /// Facts about a model for a record; names with spaces get underscores.
    static func understood(_ facts: [(name: String, text: String)]) -> OrderedFields<String> {
        OrderedFields(facts.map { ($0.name.replacingOccurrences(of: " ", with: "_"), $0.text) })
    }
}

/// A model and its folder: the line of `models list` and `models fetch`.
struct ModelPlace: Record {
    static let schema = "clipdrag-installed-model/1"
    let name, folder: String

    /// The line as `--json` prints it, or for people.
    func text(json: Bool) -> String {
        json ? oneLine : "\(PathCoding.onOneLine(name))\t\(PathCoding.onOneLine(folder))"
    }
}

/// What `models show` prints.
private struct ModelFigures: Record {
    static let schema = "clipdrag-model-figures/1"
    let name, folder: String
    /// The side in pixels of the square pictures that the model is made for, and pixels of a latent cell's side.
    let nativeSize, latentFactor: Int
    let prediction: NoiseSchedule.Prediction
    let selfAttentionLayers: Int
    /// Whether it has a guide.
    let guide: Bool
    /// SHA-256 over all weights.
    let sha256: String

    enum CodingKeys: String, CodingKey {
        case name, folder
        case nativeSize = "native_size"
        case latentFactor = "latent_factor"
        case prediction
        case selfAttentionLayers = "self_attention_layers"
        case guide, sha256
    }

    init(_ model: DiffusionModel, _ folder: String, sha256: String) {
        name = model.name
        self.folder = folder
        nativeSize = model.nativeSize
        latentFactor = model.vae.downFactor
        prediction = model.schedule.prediction
        selfAttentionLayers = model.unet.selfAttentionLayerCount
        guide = model.guide != nil
        self.sha256 = sha256
    }

    /// The figures for people, one a line.
    var lines: [String] {
        [
            "name: \(name)", "folder: \(folder)", "native_size: \(nativeSize)",
            "latent_factor: \(latentFactor)",
            "prediction: \(prediction.rawValue)", "self_attention_layers: \(selfAttentionLayers)",
            "guide: \(guide)", "sha256: \(sha256)",
        ]
    }
}

/// The line of `models verify --json`.
private struct VerifiedModel: Record {
    static let schema = "clipdrag-model-verified/1"
    let name: String
    let ok: Bool
    let notes: [String]
    /// What was understood of the model's files.
    let understood: OrderedFields<String>
}
