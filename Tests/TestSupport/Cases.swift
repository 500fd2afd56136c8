import Foundation

/// Data files of a test target, below its folder Cases/.
public struct Cases: Sendable {
    private let folder: URL

    /// The cases beside a test's source file.
    public init(beside source: String = #filePath) {
        folder = URL(filePath: source).deletingLastPathComponent().appending(path: "Cases")
    }

    /// The YAML files of a kind, by name.
    public func all(_ kind: String) -> [String] {
        let names =
            (try? FileManager.default.contentsOfDirectory(atPath: folder.appending(path: kind).path())) ?? []
        return names.filter { $0.hasSuffix(".yaml") }.sorted()
    }

    /// The bytes of a case.
    public func bytes(_ kind: String, _ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: "\(kind)/\(name)")))
    }

    /// The expected message beside a case.
    public func expected(_ kind: String, _ name: String) throws -> String {
        try String(
            contentsOf: folder.appending(path: "\(kind)/\(name.dropLast(5)).expected"), encoding: .utf8)
    }
}
