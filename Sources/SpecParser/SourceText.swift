/// The text of a file, to make errors from.
struct SourceText {
    let file: String
    let text: CharacterMap

    init(file: String, text: String) {
        self.file = file
        self.text = CharacterMap(text)
    }

    func error(_ code: String, _ message: String, at mark: SourceMark, do hint: String) -> SpecError {
        SpecError(
            code: code, message: message, hint: hint, file: file, mark: mark,
            sourceLine: text.line(number: mark.line).map { text.text($0) } ?? "")
    }

    /// The error of a complaint about this text.
    func error(_ complaint: Complaint) -> SpecError {
        error(complaint.code, complaint.message, at: text.mark(at: complaint.index), do: complaint.hint)
    }

    /// A comment that cuts a text without quotes: a single space stands before its `#`, as in a sentence. A comment that two
    /// spaces or a tab set apart is meant as one.
    ///
    /// - Parameters:
    ///   - value: the text as YAML has it, folded.
    ///   - mark: where it begins.
    /// - Returns: the comment's place and its words; nil where there is none.
    func commentCutting(_ value: String, at mark: SourceMark) -> (index: Int, words: String)? {
        guard let line = text.line(number: mark.line) else { return nil }
        var i = line.lowerBound + mark.column - 1
        if text[i] == "&" {
            while !text.isBlank(i), !text.isLineEnd(i) { i += 1 }
            while text.isBlank(i) || (i < text.characters.count && text.isLineEnd(i)) { i += 1 }
        }
        for character in value.unicodeScalars {
            if character == " " || character == "\n" {
                // A folded text has one blank for each break of its lines.
                while text.isBlank(i) || (i < text.characters.count && text.isLineEnd(i)) { i += 1 }
            } else {
                guard text[i] == character else { return nil }
                i += 1
            }
        }
        guard text[i] == " ", text[i + 1] == "#" else { return nil }
        return (i + 1, text.text(i + 1..<text.line(at: i).upperBound))
    }
}
