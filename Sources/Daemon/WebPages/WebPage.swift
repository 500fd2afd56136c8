import JSON

/// A page that is one file and makes no request: its policy (Content-Security-Policy) admits its own parts alone.
///
/// The sources are in web/; `make generate` joins them. What a page shows is data in it, which its script turns into text nodes and
/// attributes. So a name or a message from outside is never read as HTML.
public struct WebPage: Sendable {
    /// The page of one edit (`report.html`).
    public static let report = WebPage(template: ReportPage.html)

    private static let place = "{{data}}"

    private let template: String

    /// The page with its data.
    public func html(_ data: JSONValue) -> String {
        template.replacing(Self.place, with: Self.embedded(data), maxReplacements: 1)
    }

    /// JSON that can stand in a page's script: it has no `<`, so no end of the script.
    public static func embedded(_ data: JSONValue) -> String {
        data.line.replacing("<", with: "\\u003c")
    }
}

extension WebPage {
    /// The page of a gallery (`index.html`). It loads its data from files beside it.
    public static let gallery = GalleryPage.html
}
