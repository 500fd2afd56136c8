import JSON

/// STATE/status.json: the daemon's present state.
public struct DaemonStatus: Record, Equatable {
    public static let schema = "clipdrag-status/1"

    /// A job that runs.
    public struct RunningJob: Record, Equatable {
        public static let schema = "clipdrag-running-job/1"

        public var id, name: String
        public var state = "running"
        /// The name of its executor.
        public var executor: String
        /// The run's ID there, once there is one.
        public var run: String?
        /// The run's latest progress.
        public var stage: String?
        public var step, total: Int?
    }

    /// A job that waits.
    public struct WaitingJob: Record, Equatable {
        public static let schema = "clipdrag-waiting-job/1"

        public var id, name: String
        public var state: Job.State
        public var priority, crashes: Int
    }

    /// A spec or picture without its counterpart.
    public struct LoneHalf: Codable, Sendable, Equatable {
        public var inbox, file: String
        /// Seconds since 1970.
        public var since: Double
        /// Whether it has waited for longer than `limits.orphan_after`.
        public var orphan: Bool
    }

    /// An inbox, and how the daemon watches it.
    public struct Inbox: Codable, Sendable, Equatable {
        public var path, watch: String
    }

    /// The daemon's process.
    public var pid: Int
    /// Whether the daemon starts no jobs now, and why.
    public var paused: Bool
    public var why: String?
    public var running: [RunningJob]
    /// In the order of their start.
    public var waiting: [WaitingJob]
    public var loneHalves: [LoneHalf]
    public var outbox: String?
    public var inboxes: [Inbox]

    enum CodingKeys: String, CodingKey {
        case pid, paused, why, running, waiting
        case loneHalves = "lone_halves"
        case outbox, inboxes
    }
}
