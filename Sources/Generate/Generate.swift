import Foundation

/// Writes the parts of a checkout's schemas and documentation that follow from the tables: `generate [--check] [ROOT]`.
///
/// With `--check` it writes nothing, names stale files, and ends with 1 if there are any.
@main struct Generate {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        let isCheck = arguments.contains("--check")
        let root = arguments.first { !$0.hasPrefix("--") } ?? "."
        var stale: [String] = []
        for file in GeneratedFile.all {
            let path = "\(root)/\(file.path)"
            let old = try String(contentsOfFile: path, encoding: .utf8)
            let new = try file.update(old, root)
            guard new != old else { continue }
            stale.append(file.path)
            if !isCheck { try new.write(toFile: path, atomically: true, encoding: .utf8) }
        }
        for path in stale { print(isCheck ? "\(path) is stale: run `make generate`" : "wrote \(path)") }
        exit(isCheck && !stale.isEmpty ? 1 : 0)
    }
}

/// A file with generated parts.
struct GeneratedFile: Sendable {
    let path: String
    /// Gives the file's text with new generated parts, from the checkout's path where it depends on other files.
    let update: @Sendable (_ text: String, _ root: String) throws -> String

    static let all = [
        GeneratedFile(path: "schemas/spec.schema.json") { text, _ in
            try text.replacing(member: "settings", indent: 4, with: Schemas.settings)
                .replacing(member: "preset", indent: 4, with: Schemas.preset)
                .replacing(member: "method", indent: 4, with: Schemas.method)
                .replacing(member: "output", indent: 4, with: Schemas.output)
        },
        GeneratedFile(path: "schemas/trajectory.schema.json") { text, _ in
            try text.replacing(member: "settings", indent: 4, with: Schemas.recordedSettings)
                .replacing(member: "preset", indent: 4, with: Schemas.preset)
                .replacing(member: "method", indent: 4, with: Schemas.method)
        },
        GeneratedFile(path: "schemas/configuration.schema.json") { text, _ in
            try text.replacing(member: "properties", indent: 2, with: ConfigurationSchema.properties)
        },
        GeneratedFile(path: "docs/configuration.md") { text, _ in
            try text.replacing(between: "keys", with: ConfigurationDocument.table)
        },
        GeneratedFile(path: "docs/methods/README.md") { text, _ in
            try text.replacing(between: "published", with: SettingsDocument.published)
        },
        GeneratedFile(path: "docs/spec.md") { text, _ in
            try text.replacing(between: "settings", with: SettingsDocument.table)
                .replacing(between: "methods", with: SettingsDocument.methods)
        },
        GeneratedFile(path: "share/clipdragd/editor.html") { try EditorPage(root: $1).html() },
        GeneratedFile(path: "Sources/Daemon/WebPages/ReportPage.swift") {
            try WebPageSource(folder: "report", pictures: "data:").swift(root: $1, type: "ReportPage")
        },
        // A page on a disk loads its data and its pictures from files beside it.
        GeneratedFile(path: "Sources/Daemon/WebPages/GalleryPage.swift") {
            try WebPageSource(
                folder: "gallery", pictures: "'self' data: file:", scripts: "'self' file:"
            ).swift(root: $1, type: "GalleryPage")
        },
    ]
}

/// The place of a generated part is missing from a file.
struct MissingPart: Error, CustomStringConvertible {
    let description: String
}
