import Failures
import Foundation
import JobFiles
import JSON

/// The list of a model's files and their addresses.
///
///     {"schema": "clipdrag-model/1", "name": "sd15",
///      "files": [{"path": "unet/config.json", "url": URL, "sha256": HEX, "size": BYTES}, …]}
///
/// A `url` may be relative to the manifest's own.
struct ModelManifest {
    /// One file of the model.
    struct File: Sendable {
        /// Its place in the model's folder.
        let path: String
        /// Its address.
        let url: URL
        /// Its digest, in lower-case hexadecimal.
        let sha256: String
        /// Its bytes.
        let size: Int
    }

    /// A manifest as written. People write it, so any key may be missing.
    private struct Written: Record {
        static let schema = "clipdrag-model/1"

        struct Item: Codable {
            let path, url, sha256: String?
            let size: Int?
        }

        let name: String?
        let files: [Item]?
    }

    /// The model's name.
    let name: String
    /// Its files.
    let files: [File]

    /// Reads a manifest.
    ///
    /// - Parameter place: its path or address, for messages and relative addresses.
    /// - Throws: `model.manifest`.
    init(_ bytes: [UInt8], place: String) throws(Failure) {
        func failure(_ message: String) -> Failure {
            Failure(
                .badJob, code: "model.manifest", message: message, file: place,
                hint: "docs/models.md has the form of a manifest.")
        }
        let written: Written
        do { written = try Written(reading: bytes) } catch {
            switch error {
            case .notJSON, .otherSchema:
                throw failure("is no manifest: it has no \"schema\": \"clipdrag-model/1\"")
            case .malformed(let key): throw failure("`\(key)` has a value of the wrong type")
            }
        }
        guard let name = written.name, ModelImport.isName(name) else {
            throw failure("has no `name` of letters, digits, `-`, `_` and `.`")
        }
        guard let items = written.files, !items.isEmpty else { throw failure("lists no `files`") }
        let base = URL(string: place).flatMap { $0.scheme == nil ? nil : $0 }
        var files: [File] = []
        for item in items {
            let path = item.path ?? ""
            let parts = path.split(separator: "/", omittingEmptySubsequences: false)
            guard !parts.contains(where: { $0.isEmpty || $0.hasPrefix(".") }) else {
                throw failure("`path` is `\(path)`; it must lie in the model's folder, and be no dot file")
            }
            guard !files.contains(where: { $0.path == path }) else { throw failure("names `\(path)` twice") }
            guard let url = item.url.flatMap({ URL(string: $0, relativeTo: base) }),
                ["http", "https"].contains(url.scheme)
            else { throw failure("`\(path)` has no `url` of http or https") }
            guard let digest = item.sha256?.lowercased(), digest.wholeMatch(of: /[0-9a-f]{64}/) != nil else {
                throw failure("`\(path)` has no `sha256` of 64 hexadecimal digits")
            }
            guard let size = item.size, size >= 0 else { throw failure("`\(path)` has no `size` in bytes") }
            files.append(File(path: path, url: url.absoluteURL, sha256: digest, size: size))
        }
        self.name = name
        self.files = files
    }
}
