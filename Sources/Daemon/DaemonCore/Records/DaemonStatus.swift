import JSON

/// STATE/status.json: the daemon's present state.
public struct DaemonStatus: Record, Equatable {
    public static let schema = "clipdrag-status/1"
    /// The orphans that the status names; it counts the others.
    static let shownOrphans = 100

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
        /// When it started, seconds since 1970; nil: an earlier daemon started it.
        public var started: Double?
        /// Seconds that the run takes at most, about; nil: unknown.
        public var forecast: Double?
    }

    /// A job that waits.
    public struct WaitingJob: Record, Equatable {
        public static let schema = "clipdrag-waiting-job/1"

        public var id, name: String
        public var state: Job.State
        public var priority, crashes: Int
        /// When its spec was dropped, seconds since 1970.
        public var dropped: Double
    }

    /// A spec or a picture without its counterpart.
    public struct Orphan: Codable, Sendable, Equatable {
        public var inbox, file: String
        /// Seconds since 1970.
        public var since: Double
        /// Whether it has waited for longer than `limits.orphan_after`.
        public var overdue: Bool
        /// What keeps it from being used; nil: its counterpart has not come.
        public var obstacle: String?
    }

    /// Jobs that ended on one day.
    public struct Day: Codable, Sendable, Equatable {
        /// The local day, `2026-11-27`.
        public var day: String
        public var published, failed: Int
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
    /// The first orphans, at most `shownOrphans`.
    public var orphans: [Orphan]
    /// All orphans, and those that are overdue.
    public var orphanCount, overdueCount: Int
    /// The jobs that ended today.
    public var today: Day
    /// Seconds until all jobs have ended, at most about; nil: unknown.
    public var forecast: Double?
    public var outbox: String?
    public var inboxes: [Inbox]

    enum CodingKeys: String, CodingKey {
        case pid, paused, why, running, waiting
        case orphans
        case orphanCount = "orphan_count"
        case overdueCount = "overdue_count"
        case today, forecast
        case outbox, inboxes
    }
}
