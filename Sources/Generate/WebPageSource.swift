import Digests
import Foundation

/// A page in web/: its HTML names style sheets and scripts, which become parts of the page. The page then needs no other file,
/// and its policy admits these parts alone, by their digests.
struct WebPageSource: Sendable {
    /// The page's folder in web/.
    let folder: String
    /// Where its pictures may come from.
    let pictures: String
    /// Where scripts may come from besides the page itself; empty: from nowhere.
    var scripts = ""

    /// The whole page.
    func html(root: String) throws -> String {
        let place = "\(root)/web/\(folder)"
        var page = try String(contentsOfFile: "\(place)/index.html", encoding: .utf8)
        let head = try String(contentsOfFile: "\(root)/web/head.html", encoding: .utf8)
        page = page.replacing("{{head}}\n", with: head)
        let styles = try Self.include(
            /(?:<link rel="stylesheet" href="[^"]+">\n?)+/, in: &page, from: place, as: "style")
        let programs = try Self.include(
            /(?:<script src="[^"]+"><\/script>\n?)+/, in: &page, from: place, as: "script")
        let sources = scripts.isEmpty ? "" : " \(scripts)"
        let policy = [
            "default-src 'none'", "img-src \(pictures)",
            "style-src \(styles.map(Self.digest).joined(separator: " "))",
            "script-src \(programs.map(Self.digest).joined(separator: " "))\(sources)",
            "base-uri 'none'", "form-action 'none'",
        ]
        return page.replacing("{{policy}}", with: policy.joined(separator: "; "))
    }

    /// The page as a constant of a Swift file.
    func swift(root: String, type: String) throws -> String {
        let page = try html(root: root)
        guard !page.contains("\"\"\"###"), !page.contains("\\###(") else {
            throw MissingPart(description: "web/\(folder) has what ends a Swift literal")
        }
        return """
            // swift-format-ignore-file
            // `make generate` writes this file from web/\(folder).

            enum \(type) {
                static let html = ###\"\"\"
            \(page)\"\"\"###
            }

            """
    }

    /// Puts the files that a page names into it, in their order; neighbours become one part.
    private static func include(
        _ references: Regex<Substring>, in page: inout String, from place: String, as tag: String
    ) throws -> [String] {
        var parts: [String] = []
        while let match = page.firstMatch(of: references) {
            let files = match.output.matches(of: /(?:href|src)="([^"]+)"/).map { String($0.1) }
            let part = try files.map { try String(contentsOfFile: "\(place)/\($0)", encoding: .utf8) }
                .joined(separator: "\n")
            parts.append(part)
            page.replaceSubrange(match.range, with: "<\(tag)>\(part)</\(tag)>\n")
        }
        return parts
    }

    /// A part's digest as a policy names it.
    private static func digest(_ part: String) -> String {
        let hex = Digest.sha256(Array(part.utf8))
        let bytes = stride(from: 0, to: hex.count, by: 2).compactMap { i in
            UInt8(hex.dropFirst(i).prefix(2), radix: 16)
        }
        return "'sha256-\(Data(bytes).base64EncodedString())'"
    }
}
