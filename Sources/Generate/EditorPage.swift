import Digests
import Foundation
import JSON

/// share/clipdragd/editor.html: the files of web/ in one page, with the tables that the program itself has.
///
/// Places in web/editor/index.html name what stands there: `{{styles: FILE…}}`, `{{scripts: FILE…}}`, `{{tables}}`,
/// `{{base64: FILE}}` and `{{text: FILE}}`, and in the Content-Security-Policy `{{digest of styles}}` and
/// `{{digest of scripts}}`.
struct EditorPage {
    /// The checkout.
    let root: String

    /// The whole page.
    func html() throws -> String {
        var page = try text("editor/index.html")
        for part in ["styles", "scripts"] {
            let files = try self.files(part, in: page)
            let content = "\n" + (try files.map(text).joined(separator: "\n"))
            page = page.replacing("{{\(part): \(files.joined(separator: " "))}}", with: content)
            page = page.replacing("{{digest of \(part)}}", with: "'sha256-\(Self.digest(content))'")
        }
        page = page.replacing("{{tables}}", with: try EditorTables(root: root).json.line)
        for (kind, read) in [("base64", base64), ("text", text)] {
            while let file = try? files(kind, in: page).first {
                page = page.replacing("{{\(kind): \(file)}}", with: try read(file))
            }
        }
        guard !page.contains("{{") else {
            throw MissingPart(description: "a place of the editor page is empty")
        }
        return page
    }

    /// The files that a place names.
    private func files(_ kind: String, in page: String) throws -> [String] {
        guard let start = page.ranges(of: "{{\(kind): ").first,
            let end = page[start.upperBound...].ranges(of: "}}").first
        else { throw MissingPart(description: "web/editor/index.html has no place {{\(kind): …}}") }
        return page[start.upperBound..<end.lowerBound].split(separator: " ").map(String.init)
    }

    private func text(_ file: String) throws -> String {
        try String(contentsOfFile: "\(root)/web/\(file)", encoding: .utf8)
    }

    private func base64(_ file: String) throws -> String {
        try Data(contentsOf: URL(filePath: "\(root)/web/\(file)")).base64EncodedString()
    }

    /// A SHA-256 digest as a Content-Security-Policy has it.
    private static func digest(_ content: String) -> String {
        let digits = Array(Digest.sha256(Array(content.utf8)))
        let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
            UInt8(String(digits[$0..<$0 + 2]), radix: 16)
        }
        return Data(bytes).base64EncodedString()
    }
}
