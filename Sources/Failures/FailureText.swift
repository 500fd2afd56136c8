extension Failure: CustomStringConvertible {
    /// The whole message, as on a terminal and in error.txt:
    ///
    ///     FILE:LINE:COLUMN: error: what is wrong
    ///         the source line
    ///             ^
    ///     what to do
    ///
    /// The parts of the place that are not known are left out, and so is an empty source line.
    public var description: String {
        let start = place.map { "\($0.text): " } ?? ""
        let lines = ["\(start)error: \(message)"] + (place?.excerptLines ?? []) + [hint]
        return lines.joined(separator: "\n")
    }
}

extension Failure.Place {
    /// `FILE:LINE:COLUMN`, as far as it is known.
    fileprivate var text: String {
        ([file] + [line, column].compactMap { $0.map(String.init) }).joined(separator: ":")
    }

    /// The excerpt and the caret below it. Control characters become spaces; a long line is cut around the caret.
    fileprivate var excerptLines: [String] {
        let characters = (excerpt ?? "").unicodeScalars.map {
            $0.value < 32 || $0.value == 127 ? " " : String($0)
        }
        guard !characters.isEmpty, let column else { return [] }
        let first = max(0, min(column - 1, characters.count) - 60)
        let shown = characters[first...].prefix(100).joined()
        let caret = String(repeating: " ", count: column - 1 - first) + "^"
        return ["    \(first > 0 ? "…" : "")\(shown)", "    \(first > 0 ? " " : "")\(caret)"]
    }
}
