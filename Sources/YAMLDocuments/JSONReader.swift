/// Reads a JSON text (RFC 8259) with the places of its values.
///
/// YAML readers refuse some of what JSON allows: surrogate pairs, tabs, control characters from U+007F, and `\/`. So this
/// reader reads a text that is JSON. Strings become quoted scalars, all other values plain ones, with the text as written.
struct JSONReader {
    /// Why the reader does not read a text.
    enum Problem: Error {
        /// It is not JSON. It may be YAML.
        case notJSON(Complaint)
        /// It is JSON, or almost JSON, and breaks a rule that holds for YAML too.
        case refused(Complaint)
    }

    private let text: CharacterMap
    private let depthMax: Int
    private let valuesMax: Int
    private var at = 0
    private var values = 0
    private var openings: [Int] = []

    /// A reader of a text.
    ///
    /// - Parameters:
    ///   - depthMax: the largest number of levels of lists and mappings.
    ///   - valuesMax: the largest number of values.
    init(_ text: CharacterMap, depthMax: Int, valuesMax: Int) {
        self.text = text
        self.depthMax = depthMax
        self.valuesMax = valuesMax
    }

    /// The value of the whole text.
    mutating func document() throws(Problem) -> YAMLNode {
        try refuseComments(before: true)
        skipSpace()
        let root = try value()
        skipSpace()
        guard at == text.characters.count else {
            throw try unexpected("the end of the text", "Remove what stands behind the value.")
        }
        return root
    }

    private mutating func skipSpace() {
        while let c = text[at], c == " " || c == "\t" || c == "\n" || c == "\r" { at += 1 }
    }

    private mutating func value() throws(Problem) -> YAMLNode {
        guard openings.count < depthMax else {
            throw .refused(
                Complaint(
                    code: "spec.too_deep", message: "values are nested too deeply", index: at,
                    hint: "A spec needs five levels at most."))
        }
        values += 1
        guard values <= valuesMax else {
            throw .refused(
                Complaint(
                    code: "spec.alias_expansion", message: "the file has more than \(valuesMax) values",
                    index: at, hint: "Write fewer."))
        }
        let start = at
        switch text[at] {
        case "{": return .mapping(try members(), text.mark(at: start))
        case "[": return .sequence(try items(), text.mark(at: start))
        case "\"": return .scalar(try string(), isPlain: false, text.mark(at: start))
        default:
            guard let word = literal() ?? number() else { throw try unexpected("a value", "Write a value.") }
            return .scalar(word, isPlain: true, text.mark(at: start))
        }
    }

    private mutating func items() throws(Problem) -> [YAMLNode] {
        var items: [YAMLNode] = []
        try open()
        if close("]") { return items }
        while true {
            items.append(try value())
            skipSpace()
            if close("]") { return items }
            try comma(before: "]")
        }
    }

    private mutating func members() throws(Problem) -> [YAMLEntry] {
        var entries: [YAMLEntry] = []
        var lines: [String: Int] = [:]
        try open()
        if close("}") { return entries }
        while true {
            let start = at
            guard text[at] == "\"" else {
                throw try unexpected("a key in double quotes", "Write \"key\": value.")
            }
            let (key, mark) = (try string(), text.mark(at: start))
            if let line = lines.updateValue(mark.line, forKey: key) {
                throw .refused(
                    Complaint(
                        code: "spec.duplicate_key", message: "`\(key)` is given twice; first on line \(line)",
                        index: start, hint: "Keep one of the two."))
            }
            skipSpace()
            guard text[at] == ":" else { throw try unexpected("`:`", "Write \"key\": value.") }
            at += 1
            skipSpace()
            entries.append(YAMLEntry(key: key, keyMark: mark, value: try value()))
            skipSpace()
            if close("}") { return entries }
            try comma(before: "}")
        }
    }

    private mutating func open() throws(Problem) {
        openings.append(at)
        at += 1
        skipSpace()
    }

    private mutating func close(_ bracket: Unicode.Scalar) -> Bool {
        guard text[at] == bracket else { return false }
        openings.removeLast()
        at += 1
        return true
    }

    private mutating func comma(before bracket: Unicode.Scalar) throws(Problem) {
        guard text[at] == "," else {
            throw try unexpected("`,` or `\(bracket)`", "Write `,` between values.")
        }
        let comma = at
        at += 1
        skipSpace()
        if text[at] == bracket {
            throw .notJSON(
                Complaint(
                    message: "this is not JSON: a comma stands before `\(bracket)`", index: comma,
                    hint: "Remove the comma."))
        }
    }

    private mutating func literal() -> String? {
        for word in ["true", "false", "null"] where text.text(at..<at + word.count) == word {
            at += word.count
            return word
        }
        return nil
    }

    private mutating func number() -> String? {
        func digits(_ from: Int) -> Int {
            var end = from
            while let c = text[end], ("0"..."9").contains(c) { end += 1 }
            return end
        }
        let whole = text[at] == "-" ? at + 1 : at
        var end = digits(whole)
        guard end > whole, text[whole] != "0" || end == whole + 1 else { return nil }
        if text[end] == "." {
            guard digits(end + 1) > end + 1 else { return nil }
            end = digits(end + 1)
        }
        if text[end] == "e" || text[end] == "E" {
            let sign = text[end + 1] == "+" || text[end + 1] == "-" ? 1 : 0
            guard digits(end + 1 + sign) > end + 1 + sign else { return nil }
            end = digits(end + 1 + sign)
        }
        defer { at = end }
        return text.text(at..<end)
    }
}

// MARK: Strings

extension JSONReader {
    private mutating func string() throws(Problem) -> String {
        let start = at
        at += 1
        var string = String.UnicodeScalarView()
        while let c = text[at], c != "\"" {
            if c.value < 0x20 {
                // A string that crosses the end of its line lacks a quote.
                let isBreak = text.isLineEnd(at)
                throw .notJSON(
                    Complaint(
                        message: isBreak
                            ? "this is not JSON: the quote that begins here is not closed on its line"
                            : "this is not JSON: the control character U+\(hexadecimal(c.value, 4)) stands in a string",
                        index: isBreak ? start : at,
                        hint: isBreak
                            ? "Write `\"` behind the text; a line break in it is \\n."
                            : "Write \\u\(hexadecimal(c.value, 4))."))
            }
            if c == "\\" {
                string.append(try escaped())
            } else {
                string.append(c)
                at += 1
            }
        }
        guard text[at] == "\"" else {
            throw .notJSON(
                Complaint(
                    message: "this is not JSON: the quote that begins here is not closed", index: start,
                    hint: "Write `\"` behind the text."))
        }
        at += 1
        return String(string)
    }

    private mutating func escaped() throws(Problem) -> Unicode.Scalar {
        let start = at
        let simple: [Unicode.Scalar: Unicode.Scalar] = [
            "\"": "\"", "\\": "\\", "/": "/", "b": "\u{8}", "f": "\u{c}", "n": "\n", "r": "\r", "t": "\t",
        ]
        if let c = text[at + 1], let character = simple[c] {
            at += 2
            return character
        }
        guard let unit = codeUnit(at) else {
            throw .notJSON(
                Complaint(
                    message: "this is not JSON: `\(text.text(start..<start + 2))` is no escape", index: start,
                    hint: "Write \\\\ for a backslash."))
        }
        at += 6
        if let character = Unicode.Scalar(unit) { return character }
        if unit < 0xdc00, let low = codeUnit(at), (0xdc00...0xdfff).contains(low),
            let character = Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
        {
            at += 6
            return character
        }
        throw .refused(
            Complaint(
                message: "`\(text.text(start..<start + 6))` is half of a character", index: start,
                hint: "Write both halves, such as \\ud83d\\ude22, or the character itself."))
    }

    /// The number of an escape `\uXXXX` at an index.
    private func codeUnit(_ index: Int) -> UInt32? {
        guard text[index] == "\\", text[index + 1] == "u" else { return nil }
        let digits = text.text(index + 2..<index + 6)
        guard digits.count == 4, digits.allSatisfy(\.isHexDigit) else { return nil }
        return UInt32(digits, radix: 16)
    }
}

// MARK: What is not JSON

extension JSONReader {
    /// The problem of a character that is not what was expected.
    private func unexpected(_ wanted: String, _ hint: String) throws(Problem) -> Problem {
        try refuseComments(before: false)
        if let opening = openings.last, at == text.characters.count || text[at] == "]" || text[at] == "}" {
            let bracket = text.text(opening..<opening + 1)
            let end =
                at == text.characters.count ? "" : ", and line \(text.mark(at: at).line) closes another one"
            return .notJSON(
                Complaint(
                    message: "this is not JSON: the bracket `\(bracket)` is not closed\(end)", index: opening,
                    hint: "Write `\(bracket == "[" ? "]" : "}")` where it ends."))
        }
        let found =
            at == text.characters.count ? "the text ends" : "`\(text.text(at..<at + 1))` stands"
        return .notJSON(
            Complaint(
                message: "this is not JSON: \(found) where \(wanted) is expected", index: at, hint: hint))
    }

    /// Refuses a comment at the current place. Before the value it does so only where brackets follow, because a YAML text may
    /// begin with two slashes.
    private func refuseComments(before isBefore: Bool) throws(Problem) {
        func isComment(_ i: Int) -> Bool { text[i] == "/" && (text[i + 1] == "/" || text[i + 1] == "*") }
        var i = at
        while let c = text[i], c == " " || c == "\t" || text.isLineEnd(i) { i += 1 }
        guard isComment(i) else { return }
        let comment = i
        while isBefore, isComment(i) {
            if text[i + 1] == "/" {
                while !text.isLineEnd(i) { i += 1 }
            } else {
                i += 2
                while i < text.characters.count, !(text[i] == "*" && text[i + 1] == "/") { i += 1 }
                i += 2
            }
            while let c = text[i], c == " " || c == "\t" || text.isLineEnd(i) { i += 1 }
        }
        guard !isBefore || text[i] == "{" || text[i] == "[" else { return }
        throw .refused(
            Complaint(
                message: "a comment begins here, and JSON has no comments", index: comment,
                hint: "Remove it, or write the spec as YAML, where a comment begins with `#`."))
    }
}

private func hexadecimal(_ value: UInt32, _ digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}
