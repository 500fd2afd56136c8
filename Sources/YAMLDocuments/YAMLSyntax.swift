import PrintableText

/// A mistake that libyaml has found, and its translation into the terms of the author.
struct YAMLSyntax {
    /// The text.
    let text: CharacterMap
    /// libyaml's message.
    let problem: String
    /// The index of that message.
    let index: Int
    /// What libyaml was reading; empty where it gives none.
    let context: String
    /// The index of its beginning; nil where libyaml gives none.
    let contextIndex: Int?

    /// The mistake, at its own place.
    var complaint: Complaint {
        misplacedCharacter ?? unclosedQuote ?? escape ?? indicator ?? unclosedBracket ?? missingColon
            ?? structure
            ?? Complaint(
                message: "this is not YAML: \(problem)", index: shownIndex,
                hint: "Check indentation, colons, quotes and brackets around this place.")
    }

    /// The index to show: libyaml's own. Where that is the text's end, the beginning of what libyaml was reading, or the last
    /// line.
    private var shownIndex: Int {
        var last = index
        guard last >= text.characters.count || text.line(at: last).isEmpty else { return last }
        if let contextIndex, contextIndex < text.characters.count { return contextIndex }
        last = min(last, text.characters.count)
        while last > 0, text.isLineEnd(last) || text.isBlank(last) { last -= 1 }
        return last
    }

    private func complaint(_ message: String, at index: Int, do hint: String) -> Complaint {
        Complaint(message: "this is not YAML: \(message)", index: index, hint: hint)
    }

    /// The complaint of a lookalike of an indicator or of indentation.
    private var misplacedCharacter: Complaint? {
        let lines = [contextIndex, index].compactMap { $0 }.map {
            text.line(at: min($0, text.characters.count))
        }
        for line in lines {
            var i = line.lowerBound
            while i < line.upperBound, text.isBlank(i) { i += 1 }
            guard i < line.upperBound, let odd = OddCharacter.first(in: text.text(i..<i + 1)) else {
                if let colon = fullWidthPunctuation(in: line) { return colon }
                continue
            }
            if odd.isSpace || odd.lookalike == nil && !odd.character.properties.isAlphabetic {
                return complaint(
                    "\(odd.name) stands in the indentation", at: i, do: "Indent with plain spaces alone.")
            }
            if odd.lookalike == "-" {
                return complaint(
                    "\(odd.name) stands where `-` begins an item of a list", at: i,
                    do: "Write `- ` before the item.")
            }
            return complaint(
                "\(odd.name) begins the line and looks like `\(odd.lookalike ?? "")`", at: i, do: odd.remedy)
        }
        return nil
    }

    /// The complaint of a full-width colon, comma or bracket, or of an unusual space after an indicator.
    private func fullWidthPunctuation(in line: Range<Int>) -> Complaint? {
        for i in line {
            guard let odd = OddCharacter.first(in: text.text(i..<i + 1)) else { continue }
            if odd.isSpace, let before = text[i - 1], ":-?,".unicodeScalars.contains(before) {
                return complaint(
                    "\(odd.name) stands behind `\(before)`, where a plain space must", at: i, do: odd.remedy)
            }
            if (0xff01...0xff5e).contains(odd.character.value), !odd.character.properties.isAlphabetic {
                return complaint("\(odd.name) stands here", at: i, do: odd.remedy)
            }
        }
        return nil
    }

    private var unclosedQuote: Complaint? {
        guard context == "while scanning a quoted scalar", let contextIndex else { return nil }
        let quote = text.text(contextIndex..<contextIndex + 1)
        return complaint(
            "the quote `\(quote)` that begins here is not closed", at: contextIndex,
            do: "Write `\(quote)` behind the text.")
    }

    private var escape: Complaint? {
        guard context == "while parsing a quoted scalar" else { return nil }
        var start = min(index, text.characters.count)
        while start > 0, text[start] != "\\" { start -= 1 }
        let written = text.text(start..<start + 2)
        if problem == "found unknown escape character" {
            return complaint(
                "`\(written)` is no escape", at: start,
                do: "In double quotes write \\\\ for a backslash, or use single quotes.")
        }
        if problem == "found invalid Unicode character escape code" {
            return complaint(
                "`\(text.text(start..<start + (written == "\\U" ? 10 : 6)))` stands for no character",
                at: start,
                do: "Write the character itself, or \\U and eight digits; only JSON takes pairs of \\u.")
        }
        return complaint(
            "`\(written)` lacks hexadecimal digits", at: start,
            do: "Write \\x and 2 digits, \\u and 4, or \\U and 8; \\\\ for a backslash.")
    }

    /// The complaint of a text without quotes that begins with a YAML indicator.
    private var indicator: Complaint? {
        switch (context, problem) {
        case ("while scanning a tag", _), ("while parsing a tag", _), (_, "found undefined tag handle"):
            return Self.unquoted("a tag", at: contextIndex ?? index, text)
        case ("while scanning an anchor", _):
            return Self.unquoted("an anchor", at: contextIndex ?? index, text)
        case ("while scanning an alias", _):
            return Self.unquoted("an alias", at: contextIndex ?? index, text)
        case (_, "found character that cannot start any token"):
            guard text[index] == "\t" else { break }
            return complaint("a tab stands in the indentation", at: index, do: "Indent with spaces alone.")
        case (_, "found a tab character that violates indentation"),
            (_, "found a tab character where an indentation space is expected"):
            let tab = text.line(at: index).first { text[$0] == "\t" }
            return complaint(
                "a tab stands in the indentation", at: tab ?? index, do: "Indent with spaces alone.")
        case ("while scanning a block scalar", "did not find expected comment or line break"):
            return complaint(
                "text stands behind `\(contextIndex.map { text.text($0..<$0 + 1) } ?? "|")`",
                at: contextIndex ?? index, do: "Quote the text, or begin it on the next line.")
        case (_, "block sequence entries are not allowed in this context"):
            return complaint(
                "`- ` stands where no list can begin", at: index,
                do: "Begin the list on a line of its own; quote a text that begins with `- `.")
        default: break
        }
        guard problem == "found character that cannot start any token" else { return nil }
        if text.text(index..<index + 3) == "```" {
            return complaint(
                "a fence of Markdown stands here", at: index, do: "Remove the lines that begin with ```.")
        }
        return complaint(
            "`\(text.text(index..<index + 1))` cannot begin a text without quotes", at: index,
            do: "Quote the text: \(Self.quoted(text, from: index)).")
    }

    /// The complaint of a text without quotes that YAML reads as a tag, an anchor or an alias.
    ///
    /// - Parameter what: "a tag", "an anchor", "an alias".
    static func unquoted(_ what: String, at index: Int, _ text: CharacterMap) -> Complaint {
        let written = word(at: index, text)
        var hint = "Quote the text: \(quoted(text, from: index)). Otherwise remove `\(written)`."
        if written.hasPrefix("!!") || written.hasPrefix("!<") || written == "!" {
            var rest = index + written.unicodeScalars.count
            while text.isBlank(rest) { rest += 1 }
            let value = text.isLineEnd(rest) ? "\"…\"" : quoted(text, from: rest)
            hint = "Remove `\(written)`. If the value is text, quote it: \(value)."
        }
        return Complaint(
            code: "spec.unquoted", message: "YAML takes `\(written)` for \(what), not for text", index: index,
            hint: hint)
    }

    /// The text from an index to the next blank.
    static func word(at index: Int, _ text: CharacterMap) -> String {
        var end = index
        while !text.isBlank(end), !text.isLineEnd(end),
            end == index || !",[]{}".unicodeScalars.contains(text[end] ?? " ")
        {
            end += 1
        }
        return text.text(index..<end)
    }

    /// The rest of a line, or of a value in brackets, in quotes.
    static func quoted(_ text: CharacterMap, from index: Int) -> String {
        let line = text.line(at: index)
        let isInBrackets = text.text(line.lowerBound..<index).contains { "[{".contains($0) }
        var end = index
        while end < line.upperBound {
            guard let c = text[end], end == index || !isInBrackets || !",]}".unicodeScalars.contains(c) else {
                break
            }
            end += 1
        }
        while end > index, text.isBlank(end - 1) { end -= 1 }
        let plain = text.text(index..<end).replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return "\"\(plain)\""
    }

    private var unclosedBracket: Complaint? {
        guard let bracket = YAMLBrackets.unclosed(in: text), bracket.opening <= index else { return nil }
        let opening = text.text(bracket.opening..<bracket.opening + 1)
        let place = bracket.mismatch.map { text.mark(at: $0) }
        let mismatch = bracket.mismatch.map { text.text($0..<$0 + 1) } ?? ""
        if let comment = commentHidingBracket(from: bracket.opening) {
            return Complaint(
                code: "spec.unquoted",
                message:
                    "YAML takes `\(text.text(comment))` for a comment, and the bracket `\(opening)` stays open",
                index: comment.lowerBound, hint: "Quote the text that holds `#`.")
        }
        return complaint(
            "the bracket `\(opening)` is not closed"
                + (place.map { ": `\(mismatch)` at \($0.line):\($0.column) closes another kind" } ?? ""),
            at: bracket.opening, do: "Write `\(opening == "[" ? "]" : "}")` where it ends.")
    }

    /// A comment after an opening bracket, on the same line, that contains the closing one.
    private func commentHidingBracket(from opening: Int) -> Range<Int>? {
        let line = text.line(at: opening)
        guard
            let start = (opening..<line.upperBound).first(where: { text[$0] == "#" && text.isBlank($0 - 1) }),
            text.text(start..<line.upperBound).contains(where: { "]}".contains($0) })
        else { return nil }
        return start..<line.upperBound
    }

    /// The complaint of a line without a colon, or with two.
    private var missingColon: Complaint? {
        if problem == "could not find expected ':'" {
            let start = contextIndex ?? shownIndex
            let line = text.line(at: start)
            if line.upperBound - start > 1024 {
                return complaint(
                    "the key that begins here is longer than 1024 characters", at: start,
                    do: "Write `key: value`; quote a long text, or begin it on the next line behind `|`.")
            }
            return complaint("this line has no `: `", at: start, do: "Write `key: value`.")
        }
        guard problem == "mapping values are not allowed in this context" else { return nil }
        if let above = lineWithoutColon {
            return complaint("this line has no `: `", at: above, do: "Write `key: value`.")
        }
        let mark = text.mark(at: index)
        let line = text.line(at: index)
        if !text.text(line.lowerBound..<index).contains(":"), mark.line > 1,
            let start = line.first(where: { !text.isBlank($0) })
        {
            return complaint(
                "this line is indented more than line \(mark.line - 1), whose text it would go on with",
                at: start, do: "Indent it as line \(mark.line - 1).")
        }
        return complaint(
            "a second `:` stands in this line", at: index,
            do: "Quote a text that holds a colon, and begin a mapping on a line of its own.")
    }

    /// The beginning of the line above if that line lacks the colon: then the problem's line has only `key:` before the problem.
    private var lineWithoutColon: Int? {
        let line = text.line(at: index)
        let key = text.text(line.lowerBound..<index)
        guard !key.contains(": "), let above = text.line(number: text.mark(at: index).line - 1),
            !above.isEmpty, !text.text(above).contains(": "), text[above.upperBound - 1] != ":"
        else { return nil }
        return above.first { !text.isBlank($0) }
    }

    /// The complaint of text after a value, of wrong indentation and of commas.
    private var structure: Complaint? {
        let found = text[index].map { _ in "`\(Self.word(at: index, text))`" }
        switch problem {
        case "did not find expected key", "did not find expected '-' indicator":
            if text[index] == "]" || text[index] == "}" { return closingNothing }
            if let end = valueBefore {
                return complaint(
                    "text stands behind `\(text.text(end..<end + 1))`, which ends the value", at: index,
                    do: "Put the whole text between quotes, and one key on a line.")
            }
            let start = contextIndex.map { text.mark(at: $0) } ?? .start
            return complaint(
                "this line is indented by \(text.mark(at: index).column - 1), which fits no line above",
                at: index,
                do:
                    "Indent it as the line it belongs with: by \(start.column - 1) as line \(start.line), or more."
            )
        case "did not find expected <document start>":
            if text[index] == "]" || text[index] == "}" { return closingNothing }
            return complaint(
                "text stands behind the whole value", at: shownIndex,
                do: "Write one mapping, with `key: value` on each line.")
        case "did not find expected ',' or ']'", "did not find expected ',' or '}'":
            guard let found else { return nil }
            if let slashes = slashesBefore {
                return complaint(
                    "`//` begins no comment", at: slashes, do: "Begin the comment with `#`, or remove it.")
            }
            return complaint(
                "\(found) stands where \(problem.replacing("did not find expected ", with: "")) is expected",
                at: index, do: "Write `,` between values, and quote a text that holds brackets or quotes.")
        default: return nil
        }
    }

    /// Slashes instead of a comment's `#`, on the problem's line or the one above.
    private var slashesBefore: Int? {
        let above = text.line(number: text.mark(at: index).line - 1)?.lowerBound ?? index
        return (above..<index).first { i in
            text[i] == "/" && (text[i + 1] == "/" || text[i + 1] == "*")
                && (text.isBlank(i - 1) || text.isLineEnd(i - 1))
        }
    }

    private var closingNothing: Complaint {
        complaint("`\(text.text(index..<index + 1))` closes no bracket", at: index, do: "Remove it.")
    }

    /// The end of a quoted text or of brackets before the problem on the same line, with only blanks between.
    private var valueBefore: Int? {
        var i = index - 1
        while text.isBlank(i) { i -= 1 }
        guard i >= 0, let c = text[i], "\"']}".unicodeScalars.contains(c) else { return nil }
        return i
    }
}
