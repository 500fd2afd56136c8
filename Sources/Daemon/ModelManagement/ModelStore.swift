import Diffusion
import Digests
import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON
import Settings
import SystemPackage

/// Finds models: by path, or by name in the state folder, the system's folder and a checkout's own `Models/`.
public struct ModelStore: Sendable {
    /// The name of the model that the program ships.
    public static let defaultName = "starter"
    private let stateFolder: String?

    /// A store that also searches a state folder.
    public init(stateFolder: String?) { self.stateFolder = stateFolder }

    /// Folders of models, in the order of the search.
    public var folders: [String] {
        var folders = stateFolder.map { [StateLayout($0).models] } ?? []
        folders.append("/usr/share/clipdragd/models")
        // A build in a checkout has Models/ somewhere above .build/release/clipdragd.
        var folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<6 where folder.path() != "/" {
            folders.append(folder.appending(path: "Models").path(percentEncoded: false))
            folder.deleteLastPathComponent()
        }
        return folders.filter { FileManager.default.fileExists(atPath: $0) }
    }

    /// Names and folders of all models. Of two models with one name, the list has the one that the search finds first.
    public var all: [(name: String, folder: String)] {
        var found: [(String, String)] = []
        for folder in folders {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
            for name in names.sorted()
            where !name.hasPrefix(".") && isModel("\(folder)/\(name)")
                && !found.contains(where: { $0.0 == name })
            {
                found.append((name, "\(folder)/\(name)"))
            }
        }
        return found
    }

    private func isModel(_ folder: String) -> Bool {
        FileManager.default.fileExists(atPath: "\(folder)/unet/config.json")
    }

    /// The folder of a model given by path or name.
    public func folder(of model: String) throws(Failure) -> String {
        if model.contains("/") {
            let path = try DownloadCache.resolved(
                URL(filePath: model).standardizedFileURL.path(percentEncoded: false))
            if isModel(path) { return path.hasSuffix("/") ? String(path.dropLast()) : path }
        } else if let found = all.first(where: { $0.name == model }) {
            return found.folder
        } else if isModel(model) {
            return URL(filePath: model).standardizedFileURL.path(percentEncoded: false)
        } else if let cache = DownloadCache(at: model) {
            return try folder(of: "./\(cache.root)")
        }
        try Self.refuse(path: model)
        let known = all.map(\.name).joined(separator: ", ")
        throw Failure(
            .badModel, code: "model.missing", message: "there is no model `\(model)`",
            hint:
                "Models found: \(known.isEmpty ? "none" : known). Give a folder with unet/, vae/, text_encoder/, tokenizer/, scheduler/."
        )
    }

    /// Refuses a path of a known kind that is no model folder, and says what to do with it.
    private static func refuse(path: String) throws(Failure) {
        try DownloadCache.refuseFolderOfModels(path)
        try DiffusionModel.refuse(path: path)
        guard path.hasSuffix(".safetensors"), FileManager.default.fileExists(atPath: path) else { return }
        throw Failure(
            .badModel, code: "model.missing",
            message: "\(path) is a checkpoint of one file, which lacks a tokenizer",
            hint: "Make a model of it: clipdragd models import \(path) --clip CLIP_FOLDER")
    }

    /// The real places of a model's files: its folder, the files that its clipdrag.json names elsewhere, and the targets of links
    /// in them (download caches consist of links).
    public static func places(of folder: String) throws(Failure) -> [String] {
        let roots = [folder] + (try ModelSettings(folder: folder)).placesElsewhere
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        let links = (roots + names.map { "\(folder)/\($0)" }).filter {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: $0)) != nil
        }
        return roots + links.map { URL(filePath: $0).resolvingSymlinksInPath().path(percentEncoded: false) }
    }

    /// A model's own values of `recommended`, from its clipdrag.json; none without that file.
    public static func recommended(_ folder: String) throws(Failure) -> [(
        name: String, value: SettingValue
    )] { try ModelSettings(folder: folder).recommended }

    /// The longer side at which a model edits and its pixels per latent cell, from its configs alone; nil where these lack them.
    public static func workingGrid(_ folder: String) -> (native: Int, multiple: Int)? {
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

    /// Whether a model is large enough to gain from bf16: its pictures have 256 pixels or more.
    public static func gainsFromBF16(_ folder: String) -> Bool { (workingGrid(folder)?.native ?? 512) >= 256 }

    /// Locks a folder of models against other imports and fetches.
    static func lock(_ models: String) throws(Failure) -> FolderLock {
        // A child holds a copy of each lock of this process until it runs its own program: that is no import.
        for _ in 0..<25 {
            do { return try FolderLock(models) } catch {
                guard error.errno == .wouldBlock else { throw Failure(error, .badOutput) }
                usleep(20_000)
            }
        }
        throw Failure(
            .tryLater, code: "model.busy", message: "another import or fetch into \(models) is under way",
            hint: "Wait for it to end.", isRetryable: true)
    }

    /// Loads a model, with the VAE and the LoRAs that its clipdrag.json names.
    public static func load(_ folder: String) throws(Failure) -> DiffusionModel {
        try load(folder, checksValues: false).model
    }

    private static func load(_ folder: String, checksValues: Bool) throws(Failure) -> (
        model: DiffusionModel, loras: [(file: LoRAFile, scale: Float)]
    ) {
        let settings = try ModelSettings(folder: folder)
        var model = try DiffusionModel(folder: folder, vae: settings.vae, checksValues: checksValues)
        var loras: [(file: LoRAFile, scale: Float)] = []
        for lora in settings.loras {
            let file = try LoRAFile(path: lora.path, for: model)
            model = model.merging(file, scale: lora.scale)
            loras.append((file, lora.scale))
        }
        return (model, loras)
    }

    /// The result of verifying a model.
    public struct Verified: Sendable {
        /// The model's name.
        public let name: String
        /// What the program understood of its files.
        public let summary: ModelSummary
        /// Remarks for people.
        public let notes: [String]
    }

    /// Checks a whole model: files, keys, shapes, vocabularies, settings, and every weight.
    ///
    /// - Throws: what `load` throws; `model.values` for a weight that is NaN or infinite.
    public static func verify(_ folder: String) throws(Failure) -> Verified {
        let (model, loras) = try load(folder, checksValues: true)
        _ = try recommended(folder)
        let described = loras.map {
            $0.scale == 1 ? $0.file.description : "\($0.file.description), times \($0.scale)"
        }
        return Verified(
            name: model.name, summary: model.summary(loras: described),
            notes: model.notes
                + loras.filter { $0.file.doesNothing || $0.scale == 0 }.map {
                    "the LoRA \($0.file.path) does nothing"
                })
    }

    /// All files of a model, in the order of its digest: those in its folder by name, then those that its clipdrag.json names
    /// elsewhere, by their whole paths.
    public static func files(of folder: String) throws(Failure) -> [(name: String, path: String)] {
        func files(_ root: String) -> [String] {
            (FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []).sorted()
        }
        let own = files(folder).map { (name: $0, path: "\(folder)/\($0)") }
        let elsewhere = try ModelSettings(folder: folder).placesElsewhere
        let others = elsewhere.flatMap { root in [root] + files(root).map { "\(root)/\($0)" } }
        return own + others.map { ($0, $0) }
    }

    /// SHA-256 over all weights of a model, file by file.
    public static func weightsDigest(_ folder: String) throws(Failure) -> String {
        let weights = try files(of: folder).filter { $0.name.hasSuffix(".safetensors") }
        do { return try Digest.sha256(files: weights.map(\.path)) } catch { throw Failure(error) }
    }
}
