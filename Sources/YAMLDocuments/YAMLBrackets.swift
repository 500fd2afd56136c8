/// Finds the unclosed bracket of a YAML text that libyaml has refused.
struct YAMLBrackets {
    /// A bracket without a matching one.
    struct Unclosed: Equatable {
        /// The index of the bracket.
        let opening: Int
        /// The index of a closing bracket of another kind; nil where there is none.
        let mismatch: Int?
    }

    /// The first bracket that is not closed, or that a bracket of another kind closes.
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

    /// Whether a value may begin at an index: after an indicator, or at the beginning of a line.
    private static func isTokenStart(_ index: Int, _ text: CharacterMap, _ isInBlock: Bool) -> Bool {
        var i = index - 1
        while text.isBlank(i) { i -= 1 }
        guard i >= 0, !text.isLineEnd(i), let before = text[i] else { return true }
        if "[{,".unicodeScalars.contains(before) { return true }
        // `: ` and `- ` need a blank; the colon of a quoted key in brackets does not.
        return (before == ":" || ((before == "-" || before == "?") && isInBlock))
            && (i < index - 1 || !isInBlock)
    }

    /// The index of the quote that closes the one at an index, or the text's end.
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
