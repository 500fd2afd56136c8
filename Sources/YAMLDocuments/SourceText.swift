import Failures

/// A place in a text: line and column, both from 1; columns count characters.
public struct SourceMark: Sendable, Equatable {
    /// Line, from 1.
    public let line: Int
    /// Column, from 1.
    public let column: Int

    /// The place at `line` and `column`.
    public init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }

    /// The beginning.
    public static let start = SourceMark(line: 1, column: 1)
}

/// A value and its place in the text.
public struct Located<Value: Sendable & Equatable>: Sendable, Equatable {
    /// The value.
    public let value: Value
    /// The place of its beginning.
    public let mark: SourceMark

    /// A value at a place.
    public init(_ value: Value, at mark: SourceMark) {
        self.value = value
        self.mark = mark
    }
}

/// The text of a file, which makes errors with places.
package struct SourceText {
    package let file: String
    /// The kind of failure of a mistake in this text.
    package let kind: Failure.Kind
    let text: CharacterMap

    package init(file: String, text: String, _ kind: Failure.Kind) {
        self.file = file
        self.kind = kind
        self.text = CharacterMap(text)
    }

    package func error(_ code: String, _ message: String, at mark: SourceMark, do hint: String) -> Failure {
        let line = text.line(number: mark.line).map { text.text($0) } ?? ""
        return Failure(
            kind, code: code, message: message,
            at: Failure.Place(file: file, line: mark.line, column: mark.column, excerpt: line), hint: hint)
    }

    /// The character some columns after a place.
    func character(at mark: SourceMark, plus offset: Int) -> Unicode.Scalar? {
        text.line(number: mark.line).flatMap { text[$0.lowerBound + mark.column - 1 + offset] }
    }

    /// The error of a complaint about this text.
    package func error(_ complaint: Complaint) -> Failure {
        error(complaint.code, complaint.message, at: text.mark(at: complaint.index), do: complaint.hint)
    }

    /// A comment that probably cuts a text without quotes: it has a single space before its `#`, as in a sentence. Two spaces or
    /// a tab before the `#` show an intended comment.
    ///
    /// - Parameters:
    ///   - value: the text after YAML's folding.
    ///   - mark: the place of its beginning.
    /// - Returns: the comment's place and its words; nil where there is none.
    package func commentCutting(_ value: String, at mark: SourceMark) -> (index: Int, words: String)? {
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
