import Diffusion
import DragEditing
import Foundation
import JobFiles
import JSON

/// A model folder's `clipdrag.json`: what this program does with the model that no configuration of its networks says.
///
///     {"recommended": {…settings…}, "vae": PATH, "loras": [PATH, {"file": PATH, "scale": 0.8}]}
///
/// Paths are relative to the model's folder, or absolute.
public struct ModelSettings: Sendable {
    /// A LoRA that is a part of the model.
    public struct AddedLoRA: Sendable, Equatable {
        /// Its file.
        public let path: String
        /// How much of it is added.
        public let scale: Float
    }

    private let folder: String
    /// The model's own values of the preset `recommended`.
    public private(set) var recommended: [(key: String, value: SettingValue)] = []
    /// The folder or file of another VAE.
    public private(set) var vae: String?
    /// LoRAs that are added to the networks, in this order.
    public private(set) var loras: [AddedLoRA] = []

    /// Reads a model folder's file; without one nothing is set.
    ///
    /// - Throws: `model.config`.
    public init(folder: String) throws(JobFailure) {
        self.folder = folder
        let path = "\(folder)/clipdrag.json"
        guard let bytes = FileManager.default.contents(atPath: path) else { return }
        func failure(_ message: String, _ hint: String) -> JobFailure {
            JobFailure(
                code: "model.config", message: message, file: path, hint: hint, exit: .modelUnavailable)
        }
        func absolute(_ name: String) -> String { name.hasPrefix("/") ? name : "\(folder)/\(name)" }
        guard case .object(let fields)? = JSONValue(parsing: Array(bytes)) else {
            throw failure("clipdrag.json is no JSON object", "Write {\"recommended\": {…settings…}}.")
        }
        for (key, value) in fields {
            switch (key, value) {
            case ("recommended", .object(let settings)): recommended = Self.flattened(settings, prefix: "")
            case ("vae", .string(let name)): vae = absolute(name)
            case ("loras", .array(let items)):
                for item in items {
                    guard let name = item.string ?? item["file"]?.string else {
                        throw failure(
                            "`loras` is to name files", "Write \"loras\": [{\"file\": PATH, \"scale\": 0.8}]."
                        )
                    }
                    let scale = item["scale"].map { $0.number } ?? 1
                    guard let scale, (-10...10).contains(scale) else {
                        throw failure(
                            "`scale` of `\(name)` is no number from -10 to 10", "Give 1 for all of it.")
                    }
                    loras.append(AddedLoRA(path: absolute(name), scale: Float(scale)))
                }
            case ("recommended", _): throw failure("`recommended` is no object", "Write {…settings…}.")
            case ("vae", _): throw failure("`vae` is no path", "Name a VAE's folder or file.")
            case ("loras", _): throw failure("`loras` is no list", "Write \"loras\": [PATH, …].")
            default:
                throw failure(
                    "clipdrag.json has a key `\(key)` that is not known",
                    "Known are recommended, vae and loras.")
            }
        }
    }

    /// Files and folders that are named, as far as they lie in the model's own folder.
    public var placesInside: [String] { places.filter(isInside) }

    /// Files and folders that are named and lie elsewhere.
    public var placesElsewhere: [String] { places.filter { !isInside($0) } }

    private var places: [String] { [vae].compactMap { $0 } + loras.map(\.path) }

    private func isInside(_ path: String) -> Bool {
        func plain(_ path: String) -> String {
            URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
        }
        return plain(path).hasPrefix(plain(folder) + (folder.hasSuffix("/") ? "" : "/"))
    }

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
}
