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

/// The text of a file, to make errors from.
package struct SourceText {
    package let file: String
    /// What the text is, and so what kind of failure its mistakes are.
    package let kind: Failure.Kind
    private let lines: [Substring]

    package init(file: String, text: String, _ kind: Failure.Kind) {
        self.file = file
        self.kind = kind
        lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
    }

    package func error(_ code: String, _ message: String, at mark: SourceMark, do hint: String) -> Failure {
        let line = mark.line >= 1 && mark.line <= lines.count ? String(lines[mark.line - 1]) : ""
        return Failure(
            kind, code: code, message: message,
            at: Failure.Place(file: file, line: mark.line, column: mark.column, excerpt: line), hint: hint)
    }
}
