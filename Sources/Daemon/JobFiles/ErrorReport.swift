import Failures
import JSON

/// A failure as error.json and `--json` tell it: `clipdrag-error/1`, schemas/error.schema.json.
extension Failure {
    /// The record.
    ///
    /// - Parameters:
    ///   - attempts: how often the job was tried; 0 for a command.
    ///   - job: the job's id, in a folder of failures.
    public func json(attempts: Int, of job: String? = nil) -> JSONValue {
        .object([
            ("schema", .string("clipdrag-error/1")), ("code", .string(code)), ("message", .string(message)),
            ("file", .optional(place?.file)), ("line", .optional(place?.line)),
            ("column", .optional(place?.column)), ("hint", .string(hint)),
            ("retryable", .bool(isRetryable)), ("attempts", .integer(attempts)), ("job", .optional(job)),
        ])
    }
}
