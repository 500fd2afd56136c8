import Foundation

/// Writes what the tables say into the schemas and the documentation of a checkout: `generate [--check] [ROOT]`.
///
/// With `--check` it writes nothing, names the files that are stale, and ends with 1 if there are any.
@main struct Generate {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        let isCheck = arguments.contains("--check")
        let root = arguments.first { !$0.hasPrefix("--") } ?? "."
        var stale: [String] = []
        for file in GeneratedFile.all {
            let path = "\(root)/\(file.path)"
            let old = try file.read(path)
            let new = try file.update(old, root)
            guard new != old else { continue }
            stale.append(file.path)
            if !isCheck { try new.write(toFile: path, atomically: true, encoding: .utf8) }
        }
        for path in stale { print(isCheck ? "\(path) is stale: run `make generate`" : "wrote \(path)") }
        exit(isCheck && !stale.isEmpty ? 1 : 0)
    }
}

/// A file with parts that the tables decide, or one that is made from others.
struct GeneratedFile: Sendable {
    let path: String
    /// The file's text with its generated parts made anew, for the checkout at a root.
    let update: @Sendable (_ old: String, _ root: String) throws -> String
    private let isWhole: Bool

    /// A file of which parts are generated.
    init(path: String, update: @escaping @Sendable (String) throws -> String) {
        self.path = path
        self.update = { old, _ in try update(old) }
        isWhole = false
    }

    private init(whole path: String, text: @escaping @Sendable (_ root: String) throws -> String) {
        self.path = path
        update = { _, root in try text(root) }
        isWhole = true
    }

    /// A page's constant in a Swift file, which is generated whole.
    private static func page(_ source: WebPageSource, type: String) -> GeneratedFile {
        GeneratedFile(whole: "Sources/Daemon/WebPages/\(type).swift") { root in
            try source.swift(root: root, type: type)
        }
    }

    /// The file's present text; a file that is generated whole may be missing.
    func read(_ path: String) throws -> String {
        if isWhole && !FileManager.default.fileExists(atPath: path) { return "" }
        return try String(contentsOfFile: path, encoding: .utf8)
    }

    static let all = [
        GeneratedFile(path: "schemas/spec.schema.json") {
            try $0.replacing(member: "settings", indent: 4, with: Schemas.settings)
                .replacing(member: "preset", indent: 4, with: Schemas.preset)
                .replacing(member: "method", indent: 4, with: Schemas.method)
                .replacing(member: "output", indent: 4, with: Schemas.output)
        },
        GeneratedFile(path: "schemas/trajectory.schema.json") {
            try $0.replacing(member: "settings", indent: 4, with: Schemas.recordedSettings)
                .replacing(member: "preset", indent: 4, with: Schemas.preset)
                .replacing(member: "method", indent: 4, with: Schemas.method)
        },
        GeneratedFile(path: "schemas/configuration.schema.json") {
            try $0.replacing(member: "properties", indent: 2, with: ConfigurationSchema.properties)
        },
        GeneratedFile(path: "docs/configuration.md") {
            try $0.replacing(between: "keys", with: ConfigurationDocument.table)
        },
        GeneratedFile(path: "docs/spec.md") {
            try $0.replacing(between: "settings", with: SettingsDocument.table)
                .replacing(between: "methods", with: SettingsDocument.methods)
        },
        page(WebPageSource(folder: "report", pictures: "data:"), type: "ReportPage"),
        // A page on a disk loads its data and its pictures from files beside it.
        page(
            WebPageSource(folder: "gallery", pictures: "'self' data: file:", scripts: "'self' file:"),
            type: "GalleryPage"),
    ]
}

/// A generated part is not where it must be.
struct MissingPart: Error, CustomStringConvertible {
    let description: String
}
