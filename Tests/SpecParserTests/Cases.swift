import Foundation
import SpecParser

/// The data files below Cases/.
enum Cases {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Cases")

    /// The YAML files of a kind, by name.
    static func all(_ kind: String) -> [String] {
        let names =
            (try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: kind).path())) ?? []
        return names.filter { $0.hasSuffix(".yaml") }.sorted()
    }

    static func bytes(_ kind: String, _ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: "\(kind)/\(name)")))
    }

    /// The expected message beside a case.
    static func expected(_ kind: String, _ name: String) throws -> String {
        try String(
            contentsOf: folder.appending(path: "\(kind)/\(name.dropLast(5)).expected"), encoding: .utf8)
    }
}
