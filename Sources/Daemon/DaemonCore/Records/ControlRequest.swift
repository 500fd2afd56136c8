import JSON

/// A file in STATE/control: an operator's request to the daemon.
public struct ControlRequest: Record, Equatable {
    public static let schema = "clipdrag-control/1"

    /// The kinds of requests.
    public enum Action: String, Codable, Sendable {
        /// Start no job, until `resume` removes the file.
        case pause, drain
        /// A change of one job. The daemon removes the file after the change.
        case hold, release, requeue, cancel
    }

    /// The kind of request.
    public var action: Action
    /// The job's ID; nil for `pause` and `drain`.
    public var job: String?

    /// A request.
    public init(action: Action, job: String? = nil) { (self.action, self.job) = (action, job) }

    /// The name of its file. Equal requests are one file.
    var fileName: String { [action.rawValue, job].compactMap { $0 }.joined(separator: " ") }
}
