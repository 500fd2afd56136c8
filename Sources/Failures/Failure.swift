/// Why a job or a command cannot be done. Every module throws this one type.
///
/// People read the message and the hint; programs read the code. The program itself decides by the kind alone.
public struct Failure: Error, Sendable, Equatable, Codable {
    /// Who or what is at fault.
    public enum Kind: String, Sendable, Codable, CaseIterable {
        /// The command line is wrong, or a request does not fit the job's state.
        case usage
        /// The spec is wrong. Its picture is good and stays in the inbox.
        case badSpec
        /// The picture, the settings or another input of the job is wrong.
        case badJob
        /// A path on the command line does not exist.
        case missingInput
        /// The model is missing or broken, or cannot be fetched.
        case badModel
        /// The configuration is wrong.
        case badConfiguration
        /// Output cannot be written to its place.
        case badOutput
        /// A file cannot be read or written: the place is at fault, not the job.
        case badPlace
        /// Another process holds a resource that this one needs. The same works later.
        case tryLater
        /// An operator has cancelled the job.
        case cancelled
        /// The worker has died, or its result is damaged; the daemon tries again up to `limits.attempts`.
        case crash
        /// The daemon has stopped the worker at a limit, or the worker could not begin.
        case workerStopped
        /// A fault of clipdragd.
        case internalError
    }

    /// A place in a file.
    public struct Place: Sendable, Equatable, Codable {
        /// The file's name as its author knows it.
        public var file: String
        /// Line in it, from 1.
        public var line: Int?
        /// Column in that line, from 1; columns count characters.
        public var column: Int?
        /// The line itself. Messages show it with a caret below it.
        public var excerpt: String?

        /// A file, or a place in it.
        public init(file: String, line: Int? = nil, column: Int? = nil, excerpt: String? = nil) {
            self.file = file
            self.line = line
            self.column = column
            self.excerpt = excerpt
        }
    }

    /// Who or what is at fault.
    public let kind: Kind
    /// Stable and dotted, `spec.unknown_key`; docs/errors.md lists all.
    public let code: String
    /// What is wrong.
    public var message: String
    /// What to do.
    public var hint: String
    /// The place at fault, where there is one.
    public var place: Place?
    /// Whether the same may work later without help: error.json's `retryable`.
    public let isRetryable: Bool

    private enum CodingKeys: String, CodingKey {
        case kind, code, message, hint, place
        case isRetryable = "retryable"
    }

    /// A failure at a place.
    public init(
        _ kind: Kind, code: String, message: String, at place: Place?, hint: String, isRetryable: Bool = false
    ) {
        self.kind = kind
        self.code = code
        self.message = message.shortened
        self.hint = hint.shortened
        self.place = place
        self.isRetryable = isRetryable
    }

    /// A failure of a file, or without a place.
    public init(
        _ kind: Kind, code: String, message: String, file: String? = nil, hint: String,
        isRetryable: Bool = false
    ) {
        self.init(
            kind, code: code, message: message, at: file.map { Place(file: $0) }, hint: hint,
            isRetryable: isRetryable)
    }

    /// A fault of clipdragd: an unexpected error.
    public init(unexpected error: any Error) {
        self.init(.internalError, code: "internal", message: "\(error)", hint: "Please report this.")
    }

    /// The same failure with a file as its place.
    public func inFile(_ file: String) -> Failure {
        var failure = self
        failure.place = Place(file: file)
        return failure
    }

    /// The exit code of a command that ends with it.
    public var exit: ExitStatus { kind.exit }
}

extension String {
    /// The text without its middle where it is long: a message repeats what someone wrote, and a log is no place for all of it.
    fileprivate var shortened: String {
        let (most, part) = (2000, 900)
        guard unicodeScalars.count > most else { return self }
        let scalars = unicodeScalars
        return "\(String(scalars.prefix(part))) … \(String(scalars.suffix(part)))"
    }
}

/// The decisions that hang on the kind.
extension Failure.Kind {
    /// The exit code of a command that ends with it.
    public var exit: ExitStatus {
        switch self {
        case .usage: .usage
        case .badSpec, .badJob: .badData
        case .missingInput: .noInput
        case .badModel: .modelUnavailable
        case .badConfiguration: .badConfiguration
        case .badOutput: .cannotCreate
        case .badPlace: .ioError
        case .tryLater, .cancelled: .tryLater
        case .crash, .workerStopped, .internalError: .internalError
        }
    }

    /// Whether the surroundings are at fault. The daemon then postpones the job and charges no attempt.
    public var isOfSurroundings: Bool {
        switch self {
        case .badConfiguration, .badOutput, .badPlace, .tryLater: true
        default: false
        }
    }

    /// Whether the worker ended in the wrong way. The daemon has charged the attempt already.
    public var isOfWorker: Bool { self == .crash || self == .workerStopped }

    /// Whether only the spec is at fault: the picture stays in the inbox, and a corrected spec uses it.
    public var keepsPicture: Bool { self == .badSpec }

    /// Whether the failure's own hint says to requeue the job.
    public var hintsAtRequeue: Bool { self == .crash || self == .cancelled }
}
