/// The brackets of a YAML text that libyaml has refused: which one is not closed.
struct YAMLBrackets {
    /// A bracket without its other half.
    struct Unclosed: Equatable {
        /// Where it opens.
        let opening: Int
        /// Where another bracket closes instead; nil: nowhere.
        let mismatch: Int?
    }

    /// The first bracket that is not closed, or whose place another kind of bracket closes.
    static func unclosed(in text: CharacterMap) -> Unclosed? {
        var openings: [Int] = []
        var i = 0
        while let c = text[i] {
            switch c {
            case "\"", "'":
                if isTokenStart(i, text, openings.isEmpty) { i = endOfQuote(i, text) }
            case "#":
                if i == 0 || text.isBlank(i - 1) || text.isLineEnd(i - 1) { i = text.line(at: i).upperBound }
            case "[", "{":
                if !openings.isEmpty || isTokenStart(i, text, true) { openings.append(i) }
            case "]", "}":
                guard let opening = openings.popLast() else { break }
                if (text[opening] == "[") != (c == "]") { return Unclosed(opening: opening, mismatch: i) }
            default: break
            }
            i += 1
        }
        return openings.last.map { Unclosed(opening: $0, mismatch: nil) }
    }

    /// Whether a value may begin at an index: behind an indicator, or at the beginning of a line.
    private static func isTokenStart(_ index: Int, _ text: CharacterMap, _ isInBlock: Bool) -> Bool {
        var i = index - 1
        while text.isBlank(i) { i -= 1 }
        guard i >= 0, !text.isLineEnd(i), let before = text[i] else { return true }
        if "[{,".unicodeScalars.contains(before) { return true }
        // `: ` and `- ` need their blank; in brackets a quoted key's colon does not.
        return (before == ":" || ((before == "-" || before == "?") && isInBlock))
            && (i < index - 1 || !isInBlock)
    }

    /// The index of the quote that closes the one at an index, or of the text's end.
    private static func endOfQuote(_ index: Int, _ text: CharacterMap) -> Int {
        let quote = text[index]
        var i = index + 1
        while let c = text[i] {
            if c == "\\" && quote == "\"" {
                i += 1
            } else if c == quote {
                guard quote == "'", text[i + 1] == "'" else { return i }
                i += 1
            }
            i += 1
        }
        return i
    }
}
