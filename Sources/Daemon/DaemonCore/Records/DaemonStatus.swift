import JSON

/// STATE/status.json: what the daemon does now.
public struct DaemonStatus: Record, Equatable {
    public static let schema = "clipdrag-status/1"

    /// A job that runs.
    public struct RunningJob: Record, Equatable {
        public static let schema = "clipdrag-running-job/1"

        public var id, name: String
        public var state = "running"
        /// Where it runs.
        public var executor: String
        /// The run's ID there, once there is one.
        public var run: String?
        /// What the run last told of its progress.
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

    /// A file without its other half.
    public struct LoneHalf: Codable, Sendable, Equatable {
        public var inbox, file: String
        /// Seconds since 1970.
        public var since: Double
        /// Whether it has waited for longer than `limits.orphan_after`.
        public var orphan: Bool
    }

    /// An inbox, and how it is watched.
    public struct Inbox: Codable, Sendable, Equatable {
        public var path, watch: String
    }

    /// The daemon's process.
    public var pid: Int
    /// Whether nothing is started now, and why.
    public var paused: Bool
    public var why: String?
    public var running: [RunningJob]
    /// In the order in which they are to start.
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
