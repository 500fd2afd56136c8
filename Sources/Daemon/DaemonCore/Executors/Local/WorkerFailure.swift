import Failures
import Foundation

/// The line by which a worker says why it cannot do its job.
public struct WorkerFailure: Codable, Equatable {
    /// Why.
    public let failure: Failure

    /// The line of a failure.
    public init(_ failure: Failure) { self.failure = failure }

    /// Reads a line; nil when it is another.
    ///
    /// The code goes into metrics and logs, so it has no other characters than codes have: a worker that has been taken over
    /// writes nothing else into them by it.
    public init?(_ line: [UInt8]) {
        guard let told = try? JSONDecoder().decode(Self.self, from: Data(line)),
            told.failure.code.wholeMatch(of: /[a-z_0-9.]+/) != nil
        else { return nil }
        self = told
    }

    /// The line, without its end.
    public var line: String {
        (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }
}
