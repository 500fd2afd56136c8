import DurableFiles
import JSON

/// Why a job, or a command, cannot be done: said to people and, as error.json, to programs.
public struct JobFailure: Error, Sendable, Equatable {
    /// Exit codes of sysexits(3).
    public enum Exit: Int32, Sendable {
        case ok = 0
        case usage = 64
        case badData = 65
        case noInput = 66
        case modelUnavailable = 69
        case internalError = 70
        case cannotCreate = 73
        case ioError = 74
        case tryLater = 75
        case badConfiguration = 78
    }

    /// Stable and dotted; docs/errors.md lists all.
    public var code: String
    /// What is wrong.
    public var message: String
    /// The file at fault, where there is one.
    public var file: String?
    /// Line in it, from 1.
    public var line: Int?
    /// Column in it, from 1.
    public var column: Int?
    /// What to do.
    public var hint: String
    /// Whether trying again may help.
    public var retryable: Bool
    /// The exit code of a command that ends with it.
    public var exit: Exit
    /// The whole message for people, when it is more than the fields tell.
    public var rendered: String?

    /// A failure.
    public init(
        code: String, message: String, file: String? = nil, line: Int? = nil, column: Int? = nil,
        hint: String,
        retryable: Bool = false, exit: Exit, rendered: String? = nil
    ) {
        self.code = code
        self.message = message
        self.file = file
        self.line = line
        self.column = column
        self.hint = hint
        self.retryable = retryable
        self.exit = exit
        self.rendered = rendered
    }

    /// The message on a terminal and in error.txt.
    public var text: String {
        if let rendered { return rendered }
        let place = [file, line.map(String.init), column.map(String.init)].compactMap { $0 }.joined(
            separator: ":")
        return "\(place.isEmpty ? "" : place + ": ")error: \(message)\n\(hint)"
    }

    /// error.json (`clipdrag-error/1`), of a job or of a command.
    public func json(attempts: Int, of job: String? = nil) -> JSONValue {
        .object([
            ("schema", .string("clipdrag-error/1")), ("code", .string(code)), ("message", .string(message)),
            ("file", .optional(file)), ("line", .optional(line)), ("column", .optional(column)),
            ("hint", .string(hint)),
            ("retryable", .bool(retryable)), ("attempts", .integer(attempts)), ("job", .optional(job)),
        ])
    }

    /// A file call that failed.
    public init(_ error: FileError, exit: Exit = .ioError) {
        self.init(
            code: "file.\(error.operation)", message: error.reason, file: error.path, hint: error.remedy,
            retryable: error.isTransient, exit: exit)
    }
}
