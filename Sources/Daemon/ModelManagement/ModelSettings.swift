import Failures
import Foundation
import JobFiles
import JSON
import Settings
import YAMLDocuments

/// A model folder's `clipdrag.json`: this program's own settings for the model, in addition to the networks' configurations.
///
/// Paths are relative to the model's folder, or absolute.
public struct ModelSettings: Sendable {
    /// A LoRA that is a part of the model.
    public struct AddedLoRA: Sendable, Equatable {
        /// Its file.
        public let path: String
        /// The factor of its change.
        public let scale: Float
    }

    private let folder: String
    /// The model's own values of the preset `recommended`, with checked types and ranges.
    public let recommended: [(name: String, value: SettingValue)]
    /// The folder or file of another VAE.
    public let vae: String?
    /// LoRAs that are added to the networks, in this order.
    public let loras: [AddedLoRA]

    /// Reads a model folder's file. Without a file, nothing is set.
    ///
    /// - Throws: `model.config`, with the file, the place in it and the allowed values.
    public init(folder: String) throws(Failure) {
        self.folder = folder
        let path = "\(folder)/clipdrag.json"
        let file: ModelFile
        do {
            file = try Self.contents(path)
        } catch {
            throw Failure(
                .badModel, code: "model.config", message: error.message, at: error.place, hint: error.hint)
        }
        func absolute(_ name: String) -> String { name.hasPrefix("/") ? name : "\(folder)/\(name)" }
        recommended = file.recommended.map { ($0.name, $0.value) }
        vae = file.vae.map(absolute)
        loras = file.loras.map { AddedLoRA(path: absolute($0.file), scale: Float($0.scale)) }
    }

    /// Reads the file with the spec parser, whose errors name the place. Unlike a spec, the file must be JSON.
    private static func contents(_ path: String) throws(Failure) -> ModelFile {
        guard let data = FileManager.default.contents(atPath: path) else { return ModelFile() }
        let bytes = Array(data)
        let file = try parseModelFile(bytes, file: path)
        guard JSONValue(parsing: bytes) != nil else {
            throw Failure(
                .badModel, code: "model.config", message: "clipdrag.json is not JSON",
                at: Failure.Place(file: path, line: 1, column: 1),
                hint: "Write {\"recommended\": {…settings…}}, every key in quotes.")
        }
        return file
    }

    /// The named files and folders inside the model's own folder.
    public var placesInside: [String] { places.filter(isInside) }

    /// The named files and folders outside the model's own folder.
    public var placesElsewhere: [String] { places.filter { !isInside($0) } }

    private var places: [String] { [vae].compactMap { $0 } + loras.map(\.path) }

    private func isInside(_ path: String) -> Bool {
        func plain(_ path: String) -> String {
            URL(filePath: path).standardizedFileURL.path(percentEncoded: false)
        }
        return plain(path).hasPrefix(plain(folder) + (folder.hasSuffix("/") ? "" : "/"))
    }
}
