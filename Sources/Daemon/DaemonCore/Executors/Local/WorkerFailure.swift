import Failures
import JSON

/// The line in which a worker reports why its job fails.
public struct WorkerFailure: Record, Equatable {
    public static let schema = "clipdrag-failure/1"

    /// The failure.
    public let failure: Failure

    /// The line of a failure.
    public init(_ failure: Failure) { self.failure = failure }

    /// Reads a line; nil when it is another.
    ///
    /// The code goes into metrics and logs, so it may have only the characters of codes: a compromised worker can write nothing
    /// else there.
    public init?(_ line: [UInt8]) {
        guard let record = try? WorkerFailure(reading: line),
            record.failure.code.wholeMatch(of: /[a-z_0-9.]+/) != nil
        else { return nil }
        self = record
    }
}
