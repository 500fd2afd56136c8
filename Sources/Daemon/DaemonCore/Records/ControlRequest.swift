import JSON

/// A file in STATE/control: what an operator asks of the daemon.
public struct ControlRequest: Record, Equatable {
    public static let schema = "clipdrag-control/1"

    /// What can be asked.
    public enum Action: String, Codable, Sendable {
        /// Start no job, until `resume` removes the file.
        case pause, drain
        /// Do something about one job. The daemon removes the file when that is done.
        case hold, release, requeue, cancel
    }

    /// What is asked.
    public var action: Action
    /// The ID of the job that it is about; nil for `pause` and `drain`.
    public var job: String?

    /// A request.
    public init(action: Action, job: String? = nil) { (self.action, self.job) = (action, job) }

    /// The name of its file: the same request twice is one file.
    var fileName: String { [action.rawValue, job].compactMap { $0 }.joined(separator: " ") }
}
