import Foundation
import JSON

/// share/clipdragd/editor.html: the page of web/editor, with the tables that the program itself has.
///
/// Places in web/editor/index.html name what stands there besides the page's own files: `{{tables}}`, `{{base64: FILE}}` and
/// `{{text: FILE}}`.
struct EditorPage {
    /// The checkout.
    let root: String

    /// The whole page.
    func html() throws -> String {
        let source = WebPageSource(folder: "editor", pictures: "blob: data:", scripts: "'wasm-unsafe-eval'")
        var page = try source.html(root: root)
        page = page.replacing("{{tables}}", with: try EditorTables(root: root).json.line)
        while let place = page.firstMatch(of: /{{(base64|text): ([^}]+)}}/) {
            let content = try Data(contentsOf: URL(filePath: "\(root)/web/\(place.2)"))
            let text =
                place.1 == "base64" ? content.base64EncodedString() : String(decoding: content, as: UTF8.self)
            page.replaceSubrange(place.range, with: text)
        }
        guard !page.contains("{{") else {
            throw MissingPart(description: "a place of the editor page is empty")
        }
        return page
    }
}
