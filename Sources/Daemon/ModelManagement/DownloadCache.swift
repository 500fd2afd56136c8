import DurableFiles
import Failures
import Foundation

/// A model's folder in the download cache of huggingface_hub: `models--OWNER--NAME/`, with `refs/`, `snapshots/` and `blobs/`. The
/// files of a snapshot are links into `blobs/`.
struct DownloadCache {
    /// The folder.
    let root: String

    /// The cache at a path; nil where the path is none.
    init?(at path: String) {
        let root = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: "\(root)/snapshots", isDirectory: &isFolder),
            isFolder.boolValue,
            lastComponent(root).hasPrefix("models--")
                || FileManager.default.fileExists(atPath: "\(root)/blobs")
        else { return nil }
        self.root = root
    }

    /// The folder that a path means: of a cache its snapshot, else the path itself.
    ///
    /// - Throws: `model.missing` for a cache whose snapshot is not certain.
    static func resolved(_ path: String) throws(Failure) -> String {
        guard let cache = Self(at: path) else { return path }
        return try cache.snapshot()
    }

    /// The snapshot that `refs/main` names, or the only one.
    private func snapshot() throws(Failure) -> String {
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: "\(root)/snapshots")) ?? [])
            .sorted()
        let main = FileManager.default.contents(atPath: "\(root)/refs/main")
            .map { String(decoding: $0, as: UTF8.self).filter { !$0.isWhitespace } }
        if let main, names.contains(main) { return "\(root)/snapshots/\(main)" }
        if names.count == 1 { return "\(root)/snapshots/\(names[0])" }
        let isNamed = main.map { "refs/main names \($0), which is not among them" } ?? "refs/main names none"
        throw Failure(
            .badModel, code: "model.missing",
            message: names.isEmpty
                ? "\(root) is a download cache without a snapshot"
                : "\(root) is a download cache with \(names.count) snapshots, and \(isNamed)",
            hint: names.isEmpty
                ? "Download the model again."
                : "Give one of them: \(names.map { "\(root)/snapshots/\($0)" }.joined(separator: ", ")).")
    }

    /// Refuses a folder that is no model but has models in it, such as a cache's own folder or an unpacked archive.
    ///
    /// - Throws: `model.missing` naming them.
    static func refuseFolderOfModels(_ path: String) throws(Failure) {
        let files = FileManager.default
        func isModel(_ folder: String) -> Bool { files.fileExists(atPath: "\(folder)/unet/config.json") }
        guard !isModel(path) else { return }
        let names = ((try? files.contentsOfDirectory(atPath: path)) ?? []).sorted()
        let models = names.map { "\(path)/\($0)" }.filter { isModel($0) || Self(at: $0) != nil }
        guard !models.isEmpty else { return }
        let others = models.count > 5 ? ", … (\(models.count) in all)" : ""
        throw Failure(
            .badModel, code: "model.missing",
            message: "\(path) is no model, but has \(models.count == 1 ? "one" : "some") in it",
            hint:
                "Give \(models.count == 1 ? "it" : "one of them"): \(models.prefix(5).joined(separator: ", "))\(others)."
        )
    }

    /// The model's name that a path in a cache says: NAME of `models--OWNER--NAME` and of a snapshot in it; nil for other paths.
    static func modelName(of path: String) -> String? {
        let parts = path.split(separator: "/").map(String.init)
        let folder =
            parts.count > 2 && parts[parts.count - 2] == "snapshots"
            ? parts[parts.count - 3] : parts.last ?? ""
        guard folder.hasPrefix("models--") else { return nil }
        return folder.components(separatedBy: "--").last.flatMap { $0.isEmpty ? nil : $0 }
    }
}
