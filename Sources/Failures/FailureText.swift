import PrintableText

extension Failure: CustomStringConvertible {
    /// The whole message, as on a terminal and in error.txt:
    ///
    ///     FILE:LINE:COLUMN: error: what is wrong
    ///         the source line
    ///             ^
    ///     what to do
    ///
    /// It omits unknown parts of the place, and an empty source line.
    public var description: String {
        let start = place.map { "\($0.text): " } ?? ""
        let lines =
            ["\(start)error: \(message.printable)"] + (place?.excerptLines ?? []) + [hint.printable]
        return lines.joined(separator: "\n")
    }
}

extension Failure {
    /// What is wrong and what to do, on one line.
    public var sentences: String { Self.sentences(message, hint) }

    /// A message and a hint on one line. A message that ends as a sentence gets no second full stop.
    public static func sentences(_ message: String, _ hint: String) -> String {
        let isWhole = message.last.map { ".?!…".contains($0) } ?? true
        return "\(message)\(isWhole ? "" : ".") \(hint)"
    }
}

extension Failure.Place {
    /// `FILE:LINE:COLUMN`, or its known parts.
    fileprivate var text: String {
        ([file.printable] + [line, column].compactMap { $0.map(String.init) }).joined(separator: ":")
    }

    /// The excerpt and the caret below it. It replaces a tab by a space and an unprintable character by its escape, and cuts a
    /// long line around the caret.
    fileprivate var excerptLines: [String] {
        let characters = (excerpt ?? "").unicodeScalars.map { $0 == "\t" ? " " : String($0).printable }
        guard !characters.isEmpty, let column else { return [] }
        let first = max(0, min(column - 1, characters.count) - 60)
        let shown = characters[first...].prefix(100).joined()
        let before = characters[first...].prefix(column - 1 - first).joined().unicodeScalars.count
        let beyond = max(0, column - 1 - characters.count)
        let caret = String(repeating: " ", count: before + beyond) + "^"
        return ["    \(first > 0 ? "…" : "")\(shown)", "    \(first > 0 ? " " : "")\(caret)"]
    }
}
