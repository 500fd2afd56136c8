import PrintableText

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

/// A value and where it was written.
public struct Located<Value: Sendable & Equatable>: Sendable, Equatable {
    /// The value.
    public let value: Value
    /// Where it begins.
    public let mark: SourceMark

    /// A value at a place.
    public init(_ value: Value, at mark: SourceMark) {
        self.value = value
        self.mark = mark
    }
}

/// One thing that is wrong with a spec or a configuration, said so that its author can mend it.
public struct SpecError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Stable and dotted, `spec.unknown_key`; docs/errors.md lists all.
    public let code: String
    /// What is wrong.
    public let message: String
    /// What to do.
    public let hint: String
    /// The file as its author knows it.
    public let file: String
    /// Where.
    public let mark: SourceMark
    /// The line it is on.
    public let sourceLine: String

    /// An error at a place.
    public init(
        code: String, message: String, hint: String, file: String, mark: SourceMark, sourceLine: String
    ) {
        self.code = code
        self.message = message
        self.hint = hint
        self.file = file
        self.mark = mark
        self.sourceLine = sourceLine
    }

    /// The whole message:
    ///
    ///     FILE:LINE:COLUMN: error: what is wrong
    ///         the source line
    ///             ^
    ///     what to do
    public var description: String {
        let head = "\(file.printable):\(mark.line):\(mark.column): error: \(message.printable)"
        // A tab takes one column here as any other character; what is not printable takes the columns of its escape.
        let characters = sourceLine.unicodeScalars.map { $0 == "\t" ? " " : String($0).printable }
        if characters.isEmpty { return "\(head)\n\(hint.printable)" }
        // A long line is shown around the caret.
        let first = max(0, min(mark.column - 1, characters.count) - 60)
        let before = characters[first...].prefix(mark.column - 1 - first).joined().unicodeScalars.count
        let shown = characters[first...].prefix(100).joined()
        let beyond = max(0, mark.column - 1 - max(first, characters.count))
        let caret = String(repeating: " ", count: before + beyond) + "^"
        return
            "\(head)\n    \(first > 0 ? "…" : "")\(shown)\n    \(first > 0 ? " " : "")\(caret)\n\(hint.printable)"
    }
}
