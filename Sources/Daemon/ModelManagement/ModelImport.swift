import Diffusion
import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON
import SystemPackage

/// Makes a model folder below the state folder from a folder as diffusers publishes it, or from a checkpoint of one file. It can
/// add a CLIP model and another VAE.
///
/// It copies only the files that the program reads. It assembles the model beside its final place, loads it as a check, and
/// publishes it by one rename.
public struct ModelImport: Sendable {
    /// The folder or file.
    public var source: String
    /// The model's name; nil: the source's own.
    public var name: String?
    /// A CLIP model's folder. It becomes `clip/`, and its tokenizer serves a checkpoint of one file.
    public var clip: String?
    /// Another VAE's folder or file.
    public var vae: String?
    /// A folder with configurations (and a tokenizer) for a checkpoint of one file, instead of those derived from its shapes.
    public var config: String?
    /// The prediction of a checkpoint of one file; nil: the one that the file suggests.
    public var prediction: NoiseSchedule.Prediction?

    /// An import of a folder or file.
    public init(source: String) { self.source = source }

    /// The new model.
    public struct Outcome: Sendable {
        /// The model's name.
        public let name: String
        /// Its folder.
        public let folder: String
        /// Remarks for people.
        public let notes: [String]
        /// What the program understood of its files.
        public let facts: [(name: String, text: String)]
    }

    /// Files of a tokenizer.
    private static let tokenizerFiles = [
        "vocab.json", "merges.txt", "tokenizer.json", "added_tokens.json", "tokenizer_config.json",
        "special_tokens_map.json",
    ]

    /// Makes the model.
    ///
    /// - Parameter models: the folder of models. The import makes it if it is missing.
    /// - Throws: `file.missing`, `model.…`, `file.…`. It then leaves nothing behind.
    public func run(into models: String, _ files: any FileSystem = PosixFileSystem()) throws(Failure)
        -> Outcome
    {
        var resolved = self
        resolved.source = try DownloadCache.resolved(source)
        resolved.clip = try resolved.clip.map { (path) throws(Failure) in try DownloadCache.resolved(path) }
        resolved.vae = try resolved.vae.map { (path) throws(Failure) in try DownloadCache.resolved(path) }
        resolved.config = try resolved.config.map { (path) throws(Failure) in try DownloadCache.resolved(path)
        }
        return try resolved.runResolved(into: models, files)
    }

    /// The import of a source that is no download cache.
    private func runResolved(into models: String, _ files: any FileSystem) throws(Failure) -> Outcome {
        for path in [source, clip, vae, config].compactMap({ $0 })
        where !FileManager.default.fileExists(atPath: path) {
            throw Failure(
                .missingInput, code: "file.missing", message: "\(path) is not there", file: path,
                hint:
                    "Check the path. Import takes a folder or file of this machine: download a repository first, as with `hf download OWNER/NAME`."
            )
        }
        try DownloadCache.refuseFolderOfModels(source)
        try DiffusionModel.refuse(path: source)
        let name = try checkedName()
        let (place, staging) = ("\(models)/\(name)", "\(models)/.\(name).import")
        do throws(FileError) {
            guard try files.status(place) == nil else {
                throw FileError(.rename, place, .fileExists)
            }
            try files.createDirectory(models)
        } catch { throw Self.failure(error, place) }
        let lock = try ModelStore.lock(models)
        defer { withExtendedLifetime(lock) {} }
        do {
            try files.removeTree(staging)  // of an import that was killed
            let notes = try assemble(staging, files)
            let found = try ModelStore.verify(staging)
            let facts = found.summary.facts + [("not copied", try notCopied(staging))]
            try files.rename(staging, to: place)
            return Outcome(name: name, folder: place, notes: notes + found.notes, facts: facts)
        } catch {
            try? files.removeTree(staging)
            switch error {
            case let error as FileError: throw Self.failure(error, place)
            case var error as Failure:
                // The user knows the files by their original paths.
                let isFile = !isFolder(source)
                error.message = error.message
                    .replacingOccurrences(of: "\(staging)/vae/other.safetensors", with: vae ?? "")
                    .replacingOccurrences(
                        of: "\(staging)/vae/",
                        with: vae.map { isFolder($0) ? "\($0)/" : "" } ?? "\(staging)/vae/"
                    )
                    .replacingOccurrences(of: "\(staging)/clip/", with: "\(clip ?? "\(source)/clip")/")
                    .replacingOccurrences(of: "\(staging)/model.safetensors", with: source)
                    .replacingOccurrences(of: "\(staging)/", with: isFile ? "" : "\(source)/")
                throw error
            default:
                throw Failure(unexpected: error)
            }
        }
    }

    private func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
    }

    /// Whether a text can be a model's name, which is also a folder's name.
    static func isName(_ name: String) -> Bool {
        name.wholeMatch(of: /[A-Za-z0-9][A-Za-z0-9._-]*/) != nil
    }

    private func checkedName() throws(Failure) -> String {
        let base = lastComponent(source)
        let name = self.name ?? DownloadCache.modelName(of: source) ?? (isFolder(source) ? base : stem(base))
        guard Self.isName(name) else {
            throw Failure(
                .usage, code: "model.name", message: "`\(name)` cannot be a model's name",
                hint: "Give one of letters, digits, `-`, `_` and `.` by --name.")
        }
        return name
    }

    private static func failure(_ error: FileError, _ place: String) -> Failure {
        guard error.errno == .fileExists else { return Failure(error, .badOutput) }
        return Failure(
            .badOutput, code: "model.exists", message: "there is a model \(place) already",
            hint: "Give another name by --name, or remove that folder.")
    }

    // MARK: putting together

    private func assemble(_ staging: String, _ files: any FileSystem) throws -> [String] {
        var notes = isFolder(source) ? try assembleFolder(staging, files) : try assembleFile(staging, files)
        if let clip {
            try files.removeTree("\(staging)/clip")
            try copySmallFiles(clip, "\(staging)/clip", files)
            try copy(
                DiffusionModel.weightsFiles(network: clip, stem: "model"), from: clip, "\(staging)/clip",
                files)
        } else if try files.status("\(staging)/clip") == nil {
            notes.append(
                "without a CLIP model only `fusion: drag` runs; give one by --clip (openai/clip-vit-base-patch16)"
            )
        }
        if let vae { try add(vae: vae, staging, files) }
        return notes
    }

    private func assembleFolder(_ staging: String, _ files: any FileSystem) throws -> [String] {
        // Load the model from its original place first: that finds a mistake before gigabytes are copied.
        _ = try ModelStore.load(source)
        for part in ["unet", "vae", "text_encoder", "tokenizer", "scheduler"] {
            try copySmallFiles("\(source)/\(part)", "\(staging)/\(part)", files)
        }
        for name in ["model_index.json", "clipdrag.json"] where try files.status("\(source)/\(name)") != nil {
            try files.copy("\(source)/\(name)", to: "\(staging)/\(name)")
        }
        if clip == nil, isFolder("\(source)/clip") {
            try copySmallFiles("\(source)/clip", "\(staging)/clip", files)
            let weights = try DiffusionModel.weightsFiles(network: "\(source)/clip", stem: "model")
            try copy(weights, from: source, staging, files)
        }
        let settings = try ModelSettings(folder: source)
        let weights = try DiffusionModel.weightsFiles(
            folder: source, withVAE: vae == nil && settings.vae == nil)
        try copy(weights, from: source, staging, files)
        for place in settings.placesElsewhere where place.hasPrefix("\(source)/") {
            throw Failure(
                .badModel, code: "model.config",
                message: "clipdrag.json names \(place), outside its folder, by a path that leads from there",
                file: "\(source)/clipdrag.json",
                hint: "Put it into the folder, or write its whole path.")
        }
        for place in settings.placesInside {
            let names = FileManager.default.enumerator(atPath: place)?.compactMap { $0 as? String } ?? []
            let all = [place] + names.map { "\(place)/\($0)" }
            try copy(all.filter { !isFolder($0) }, from: source, staging, files)
        }
        return []
    }

    private func assembleFile(_ staging: String, _ files: any FileSystem) throws -> [String] {
        let file = try SingleFile(path: source)
        try file.require(vae: vae == nil)
        let tokenizer = config.map { "\($0)/tokenizer" }.flatMap { isFolder($0) ? $0 : nil } ?? clip
        guard let tokenizer else {
            throw Failure(
                .badModel, code: "model.missing",
                message: "a checkpoint of one file has no tokenizer, and \(source) needs one",
                hint:
                    "Give a CLIP model's folder, which has the same, by --clip, or one with tokenizer/ by --model-config."
            )
        }
        var notes: [String] = []
        if let config {
            for part in ["unet", "vae", "text_encoder", "scheduler"] {
                try copySmallFiles("\(config)/\(part)", "\(staging)/\(part)", files)
            }
            notes += contradictions(of: file, config)
        } else {
            let found = try prediction.map { .init(kind: $0, reason: "you said so") } ?? file.prediction()
            notes.append(
                "it predicts \(found.kind.rawValue): \(found.reason)"
                    + (prediction == nil && file.isSecond ? "; --prediction says otherwise" : ""))
            if file.endsInNoise {
                notes.append(
                    "its last timestep is pure noise, as its tensor `ztsnr` says: betas are rescaled")
            }
            for (path, data) in try file.configurations(prediction: found.kind, vae: vae) {
                try files.createDirectory(parent("\(staging)/\(path)"))
                try files.create("\(staging)/\(path)", Array(data), mode: 0o644)
            }
        }
        try files.createDirectory("\(staging)/tokenizer")
        for name in Self.tokenizerFiles where try files.status("\(tokenizer)/\(name)") != nil {
            try files.copy("\(tokenizer)/\(name)", to: "\(staging)/tokenizer/\(name)")
        }
        if file.isSecond, tokenizer == clip { try padWithExclamationMarks("\(staging)/tokenizer", files) }
        try files.copy(source, to: "\(staging)/model.safetensors")
        return notes
    }

    /// Notes on contradictions between a file and the configurations of `--model-config`, which decide.
    private func contradictions(of file: SingleFile, _ config: String) -> [String] {
        let path = "\(config)/scheduler/scheduler_config.json"
        guard let bytes = FileManager.default.contents(atPath: path),
            let said = JSONValue(parsing: Array(bytes))
        else { return [] }
        var notes: [String] = []
        let prediction = said["prediction_type"]?.string ?? "epsilon"
        if file.saysPrediction, let own = try? file.prediction(), own.kind.rawValue != prediction {
            notes.append("\(path) says that it predicts \(prediction), which counts; \(own.reason)")
        }
        if file.endsInNoise, said["rescale_betas_zero_snr"] != .bool(true) {
            notes.append(
                "the file has a tensor `ztsnr`; \(path), which counts, has no `rescale_betas_zero_snr`")
        }
        return notes
    }

    /// A note on the files of a source folder that are no part of the model.
    private func notCopied(_ staging: String) throws -> String {
        guard isFolder(source) else { return "nothing" }
        let folders = ["", "unet/", "vae/", "text_encoder/", "tokenizer/", "scheduler/"]
        let names = folders.flatMap { folder in
            ((try? FileManager.default.contentsOfDirectory(atPath: "\(source)/\(folder)")) ?? [])
                .filter { !$0.hasPrefix(".") }.map { folder + $0 }
        }
        let left = names.filter { !FileManager.default.fileExists(atPath: "\(staging)/\($0)") }.sorted()
        guard !left.isEmpty else { return "nothing" }
        return left.prefix(8).joined(separator: ", ") + (left.count > 8 ? " and \(left.count - 8) more" : "")
    }

    /// OpenCLIP, the text encoder of SD 2.x, was trained on prompts padded with token 0, which is `!`.
    private func padWithExclamationMarks(_ folder: String, _ files: any FileSystem) throws {
        for name in ["tokenizer_config.json", "special_tokens_map.json"] {
            let path = "\(folder)/\(name)"
            guard try files.status(path) != nil,
                case .object(var fields)? = JSONValue(parsing: try files.read(path))
            else { continue }
            fields.removeAll { $0.key == "pad_token" }
            let json = JSONValue.object(fields + [("pad_token", .string("!"))])
            try files.replace(path, Array(json.lines.utf8), mode: 0o644)
        }
    }

    private func add(vae: String, _ staging: String, _ files: any FileSystem) throws {
        guard !isFolder(vae) else {
            try files.removeTree("\(staging)/vae")
            try copySmallFiles(vae, "\(staging)/vae", files)
            let weights = try DiffusionModel.weightsFiles(network: vae, stem: "diffusion_pytorch_model")
            return try copy(weights, from: vae, "\(staging)/vae", files)
        }
        let beside = parent(vae) + "/config.json"
        if let bytes = FileManager.default.contents(atPath: beside),
            JSONValue(parsing: Array(bytes))?["_class_name"]?.string == "AutoencoderKL"
        {
            // A file of a diffusers folder has a complete configuration.
            try files.removeTree("\(staging)/vae")
            try files.createDirectory("\(staging)/vae")
            try files.copy(beside, to: "\(staging)/vae/config.json")
            return try files.copy(vae, to: "\(staging)/vae/diffusion_pytorch_model.safetensors")
        }
        // It goes beside the model's own configuration, which gives what the file's shapes do not show.
        try files.createDirectory("\(staging)/vae")
        try files.copy(vae, to: "\(staging)/vae/other.safetensors")
        let path = "\(staging)/clipdrag.json"
        var fields: [(key: String, value: JSONValue)] = []
        if try files.status(path) != nil, case .object(let known)? = JSONValue(parsing: try files.read(path))
        {
            fields = known.filter { $0.key != "vae" }
        }
        let json = JSONValue.object(fields + [("vae", .string("vae/other.safetensors"))])
        try files.replace(path, Array(json.lines.utf8), mode: 0o644)
    }

    /// Copies a folder's configurations, vocabularies and licences.
    private func copySmallFiles(_ folder: String, _ target: String, _ files: any FileSystem) throws {
        guard isFolder(folder) else { return }
        try files.createDirectory(target)
        for entry in try files.list(folder)
        where ["json", "txt", "md"].contains(fileExtension(entry.name))
            && !entry.name.contains(".safetensors.")
        {
            try files.copy("\(folder)/\(entry.name)", to: "\(target)/\(entry.name)")
        }
    }

    /// Copies files to the same places below another folder.
    private func copy(_ paths: [String], from folder: String, _ target: String, _ files: any FileSystem)
        throws
    {
        for path in paths {
            let to = target + path.dropFirst(folder.count)
            try files.createDirectory(parent(to))
            if try files.status(to) == nil { try files.copy(path, to: to) }
        }
    }
}
