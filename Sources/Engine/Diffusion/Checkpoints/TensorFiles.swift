import Failures
import Foundation
import TensorCore

/// The tensors of one safetensors file, or of all the shards that an index file joins.
struct TensorFiles: Sendable {
    /// The file, or the index.
    let path: String
    private let home: [String: SafeTensors]

    /// A single file.
    init(file path: String) throws(Failure) {
        let file = try Self.open(path)
        self.path = path
        home = file.entries.mapValues { _ in file }
    }

    /// The shards that a `*.safetensors.index.json` names: `{"weight_map": {KEY: FILE, …}}`.
    ///
    /// - Throws: one error that names all shards, or the keys of all shards, that are missing.
    init(index path: String) throws(Failure) {
        self.path = path
        let folder = URL(filePath: path).deletingLastPathComponent()
        let map: [String: String] = try ConfigFile(path: path).value("weight_map", default: [:])
        let shards = Set(map.values).sorted()
        guard !shards.isEmpty, !shards.contains(where: { $0.contains("/") }) else {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(path): `weight_map` does not name files beside it",
                hint: "Download the index again.")
        }
        let missing = shards.filter {
            !FileManager.default.fileExists(atPath: folder.appending(path: $0).path(percentEncoded: false))
        }
        guard missing.isEmpty else {
            throw Failure(
                .badModel, code: "model.missing",
                message:
                    "\(path): \(missing.count) of \(shards.count) shards are not there: \(Self.listed(missing))",
                hint: "Download them into the same folder.")
        }
        var home: [String: SafeTensors] = [:]
        var lost: [String] = []
        for shard in shards {
            let file = try Self.open(folder.appending(path: shard).path(percentEncoded: false))
            for key in file.entries.keys { home[key] = file }
            lost += map.filter { $0.value == shard && file.entries[$0.key] == nil }.map { key, _ in
                "`\(key)` in \(shard)"
            }
        }
        guard lost.isEmpty else {
            throw Failure(
                .badModel, code: "model.key_missing",
                message:
                    "\(path): \(lost.count) tensors are not where it says: \(Self.listed(lost.sorted()))",
                hint: "The index and its shards do not belong together; download them again.")
        }
        self.home = home
    }

    /// The weights in a network's folder, in any of the published layouts; nil where there are none.
    ///
    /// It prefers full precision to a variant, and one file to shards.
    init?(folder: String, stem: String) throws(Failure) {
        for variant in ["", ".fp16", ".bf16"] {
            let file = "\(folder)/\(stem)\(variant).safetensors"
            let indices = [
                "\(folder)/\(stem).safetensors.index\(variant).json",
                "\(folder)/\(stem)\(variant).safetensors.index.json",
            ]
            if FileManager.default.fileExists(atPath: file) {
                try self.init(file: file)
                return
            }
            if let index = indices.first(where: { FileManager.default.fileExists(atPath: $0) }) {
                try self.init(index: index)
                return
            }
        }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        if let shard = names.sorted().first(where: {
            $0.hasPrefix(stem) && $0.contains("-of-") && $0.hasSuffix(".safetensors")
        }) {
            throw Failure(
                .badModel, code: "model.missing",
                message: "\(folder)/\(shard) is one of several shards, and their index is not there",
                hint: "Download \(stem).safetensors.index.json into the same folder.")
        }
        return nil
    }

    private static func open(_ path: String) throws(Failure) -> SafeTensors {
        do { return try SafeTensors(path: path) } catch {
            throw Failure(
                .badModel, code: error.other?.holdsWeights == true ? "model.unsupported" : "model.file",
                message: error.message, hint: error.other?.hint ?? "Copy or download the file again.")
        }
    }

    /// At most five of the names, and the number of the others.
    private static func listed(_ names: [String]) -> String {
        let more = names.count > 5 ? " and \(names.count - 5) more" : ""
        return names.prefix(5).joined(separator: ", ") + more
    }

    /// Every file of the weights, the index included.
    var paths: [String] { Set(home.values.map(\.path) + [path]).sorted() }

    /// All names.
    var keys: Dictionary<String, SafeTensors>.Keys { home.keys }

    /// The shape of a tensor; nil when there is none of that name.
    func shape(_ key: String) -> [Int]? { home[key]?.entries[key]?.shape }

    /// The type in which a tensor is stored; nil when there is none of that name.
    func dtype(_ key: String) -> SafeTensors.DType? { home[key]?.entries[key]?.dtype }

    /// The file that holds a tensor, for messages: one of the shards.
    func file(of key: String) -> String { home[key]?.path ?? path }

    /// A tensor, as f32.
    func tensor(_ key: String) -> Tensor? { home[key]?.tensor(key) }

    /// What all values of a tensor have in common; nil for a tensor that is not floating-point.
    func content(_ key: String) -> SafeTensors.Content? { home[key]?.content(key) }

    /// Refuses weights that are no floating-point numbers: integers need scales, which no network here has.
    ///
    /// - Throws: `model.unsupported` naming file and tensor.
    func checkType(_ key: String) throws(Failure) {
        guard let dtype = dtype(key), !dtype.isFloatingPoint else { return }
        throw Failure(
            .badModel, code: "model.unsupported",
            message:
                "\(file(of: key)): `\(key)` is stored as \(dtype.rawValue); weights are F32, F16, BF16 or F64",
            hint: "Quantised weights are not supported; use the file in f16, bf16 or f32.")
    }

    /// Fails where a value of a tensor is NaN or infinite.
    ///
    /// - Returns: whether all values are 0.
    /// - Throws: `model.values` naming file and tensor.
    @discardableResult
    func checkFinite(_ key: String) throws(Failure) -> Bool {
        guard let content = content(key) else { return false }
        guard let found = content.nonFinite else { return content.isZero }
        throw Failure(
            .badModel, code: "model.values",
            message:
                "\(file(of: key)): `\(key)` has the value \(found.value.isNaN ? "NaN" : "\(found.value > 0 ? "" : "−")infinity") at place \(found.place)",
            hint: "The file is damaged, or its training went wrong. Download it again, or use another.")
    }

    /// A tensor in the type in which the file stores it.
    func stored(_ key: String) -> StoredTensor? { home[key]?.stored(key) }

    /// The file's metadata; empty for shards.
    var metadata: [String: String] {
        let files = Set(home.values.map(\.path))
        return files.count == 1 ? home.values.first?.metadata ?? [:] : [:]
    }
}
