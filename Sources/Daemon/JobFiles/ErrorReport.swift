import Failures
import JSON

/// A failure in error.json and in `--json` (schemas/error.schema.json).
public struct ErrorReport: Record, Equatable {
    /// The record's name and version.
    public static let schema = "clipdrag-error/1"
    /// Its file in a job's folder below `failed`.
    public static let fileName = "error.json"
    /// The same for people.
    public static let textFileName = "error.txt"

    /// Stable and dotted.
    public let code: String
    /// What is wrong.
    public let message: String
    /// The file at fault.
    public let file: String?
    /// Line and column in it, from 1.
    public let line, column: Int?
    /// What to do.
    public let hint: String
    /// Whether the same may work later without help.
    public let retryable: Bool
    /// The number of tries; 0 for a command.
    public let attempts: Int
    /// The job's id, in a folder of failures.
    public let job: String?

    /// The report of a failure.
    public init(_ failure: Failure, attempts: Int = 0, job: String? = nil) {
        code = failure.code
        message = failure.message
        file = failure.place?.file
        line = failure.place?.line
        column = failure.place?.column
        hint = failure.hint
        retryable = failure.isRetryable
        self.attempts = attempts
        self.job = job
    }
}
