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
                print(
                    output.json
                        ? JSONValue.object([("name", .string(name)), ("folder", .string(folder))]).line
                        : "\(PathCoding.onOneLine(name))\t\(PathCoding.onOneLine(folder))")
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
                let fields: [(key: String, value: JSONValue)] = [
                    ("name", .string(model.name)), ("folder", .string(folder)),
                    ("native_size", .integer(model.nativeSize)),
                    ("latent_factor", .integer(model.vae.downFactor)),
                    ("prediction", .string(model.schedule.prediction.rawValue)),
                    ("self_attention_layers", .integer(model.unet.selfAttentionLayerCount)),
                    ("guide", .bool(model.guide != nil)),
                    ("sha256", .string(try ModelStore.weightsDigest(folder))),
                ]
                if output.json {
                    print(JSONValue.object(fields).line)
                } else {
                    for (key, value) in fields { output.printLine("\(key): \(value.string ?? value.line)") }
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
                    print(
                        JSONValue.object([
                            ("name", .string(found.name)), ("ok", .bool(true)),
                            ("notes", .array(found.notes.map { .string($0) })),
                            ("understood", ModelsCommand.understood(found.summary.facts)),
                        ]).line)
                    return
                }
                for note in found.notes { output.printLine("note: \(note)") }
                output.printLine("\(found.name): good")
            }
        }
    }
}

extension ModelsCommand {
    /// Facts about a model as a JSON object; names with spaces get underscores.
    static func understood(_ facts: [(name: String, text: String)]) -> JSONValue {
        .object(facts.map { ($0.name.replacingOccurrences(of: " ", with: "_"), .string($0.text)) })
    }
}
