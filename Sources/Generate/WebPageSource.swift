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
        let styles = try Self.include(
            /<link rel="stylesheet" href="([^"]+)">/, in: &page, from: place, as: "style")
        let programs = try Self.include(
            /<script src="([^"]+)"><\/script>/, in: &page, from: place, as: "script")
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

    /// Puts the files that a page names into it, in their order.
    private static func include(
        _ reference: Regex<(Substring, Substring)>, in page: inout String, from place: String, as tag: String
    ) throws -> [String] {
        var parts: [String] = []
        while let match = page.firstMatch(of: reference) {
            let part = try String(contentsOfFile: "\(place)/\(match.1)", encoding: .utf8)
            parts.append(part)
            page.replaceSubrange(match.range, with: "<\(tag)>\(part)</\(tag)>")
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
