import Diffusion
import DragEditing
import Foundation
import JobFiles

/// Where models are found: by path, or by name in the state folder, the system's folder and a checkout's own `Models/`.
public struct ModelStore: Sendable {
    /// The name of the model that comes along.
    public static let defaultName = "starter"
    private let stateFolder: String?

    /// A store that also looks below a state folder.
    public init(stateFolder: String?) { self.stateFolder = stateFolder }

    /// Folders that hold models, in the order they are looked through.
    public var folders: [String] {
        var folders = stateFolder.map { ["\($0)/models"] } ?? []
        folders.append("/usr/share/clipdragd/models")
        // A build in a checkout: Models/ somewhere above .build/release/clipdragd
        var folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<6 where folder.path() != "/" {
            folders.append(folder.appending(path: "Models").path(percentEncoded: false))
            folder.deleteLastPathComponent()
        }
        return folders.filter { FileManager.default.fileExists(atPath: $0) }
    }

    /// Names and folders of all models found; of two with one name, the one that is used.
    public var all: [(name: String, folder: String)] {
        var found: [(String, String)] = []
        for folder in folders {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            for name in names.sorted()
            where isModel("\(folder)/\(name)") && !found.contains(where: { $0.0 == name }) {
                found.append((name, "\(folder)/\(name)"))
            }
        }
        return found
    }

    private func isModel(_ folder: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(folder)/unet/config.json")
    }

    /// The folder of a model given by path or name.
    public func folder(of model: String) throws(JobFailure) -> String {
        if model.contains("/") {
            let path = URL(filePath: model).standardizedFileURL.path(percentEncoded: false)
            if isModel(path) { return path.hasSuffix("/") ? String(path.dropLast()) : path }
        } else if let found = all.first(where: { $0.name == model }) {
            return found.folder
        } else if isModel(model) {
            return URL(filePath: model).standardizedFileURL.path(percentEncoded: false)
        }
        let known = all.map(\.name).joined(separator: ", ")
        throw JobFailure(
            code: "model.missing", message: "there is no model `\(model)`",
            hint:
                "Models found: \(known.isEmpty ? "none" : known). Give a folder with unet/, vae/, text_encoder/, tokenizer/, scheduler/.",
            exit: .modelUnavailable)
    }

    /// Where a model's files really lie: its folder, and the targets of links in it (as download caches have them).
    public static func places(of folder: String) -> [String] {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        let paths = [folder] + names.map { "\(folder)/\($0)" }
        let links = paths.filter { (try? FileManager.default.destinationOfSymbolicLink(atPath: $0)) != nil }
        return [folder]
            + links.map { URL(filePath: $0).resolvingSymlinksInPath().path(percentEncoded: false) }
    }

    /// A model's own values of `recommended`, from its clipdrag.json; none without that file.
    public static func recommended(_ folder: String) throws(JobFailure) -> [(
        key: String, value: SettingValue
    )] {
        let path = "\(folder)/clipdrag.json"
        guard let bytes = FileManager.default.contents(atPath: path) else { return [] }
        guard let json = JSONValue(parsing: Array(bytes)), case .object(let fields)? = json["recommended"]
        else {
            throw JobFailure(
                code: "model.config", message: "clipdrag.json has no object `recommended`", file: path,
                hint: "Write {\"recommended\": {…settings…}}.", exit: .modelUnavailable)
        }
        return flattened(fields, prefix: "")
    }

    /// The longer side at which a model edits and its pixels per latent cell, from its configs alone; nil where they say nothing.
    static func workingGrid(_ folder: String) -> (native: Int, multiple: Int)? {
        func config(_ name: String) -> JSONValue? {
            FileManager.default.contents(atPath: "\(folder)/\(name)/config.json").flatMap {
                JSONValue(parsing: Array($0))
            }
        }
        guard let sample = config("unet")?["sample_size"]?.integer,
            case .array(let widths)? = config("vae")?["block_out_channels"],
            !widths.isEmpty
        else { return nil }
        let multiple = 1 << (widths.count - 1)
        return (sample * multiple, multiple)
    }

    /// Whether a model is large enough to gain from bf16: one made for pictures of 256 pixels or more.
    public static func gainsFromBF16(_ folder: String) -> Bool { (workingGrid(folder)?.native ?? 512) >= 256 }

    private static func flattened(_ fields: [(key: String, value: JSONValue)], prefix: String) -> [(
        key: String, value: SettingValue
    )] {
        fields.flatMap { key, value -> [(key: String, value: SettingValue)] in
            switch value {
            case .integer(let n): [(prefix + key, .integer(n))]
            case .number(let x): [(prefix + key, .number(x))]
            case .string(let word): [(prefix + key, .word(word))]
            case .bool(let flag): [(prefix + key, .flag(flag))]
            case .object(let nested): flattened(nested, prefix: key + ".")
            case .null, .array: [(prefix + key, .none)]
            }
        }
    }

    /// Loads a model.
    public static func load(_ folder: String) throws(JobFailure) -> DiffusionModel {
        do { return try DiffusionModel(folder: folder) } catch { throw JobFailure(error) }
    }

    /// SHA-256 over all weights of a model, file by file in alphabetical order.
    public static func weightsDigest(_ folder: String) -> String {
        let paths = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        let pieces = paths.filter { $0.hasSuffix(".safetensors") }.sorted().compactMap {
            FileManager.default.contents(atPath: "\(folder)/\($0)")
        }
        return Digest.sha256(pieces.map { Array($0) })
    }
}
