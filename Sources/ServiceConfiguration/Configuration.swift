import Settings
import YAMLDocuments

/// The daemon's configuration (docs/configuration.md).
public struct Configuration: Sendable, Equatable {
    /// A watched folder.
    public struct Inbox: Sendable, Equatable {
        /// Ways to watch a folder.
        public enum Watch: String, Sendable, CaseIterable { case auto, inotify, poll }
        /// Its path.
        public var path: String
        /// How the daemon watches it.
        public var watch: Watch
        /// A number that the daemon adds to its jobs' priorities.
        public var priority: Int

        /// The range of `priority`.
        public static let priorities = -1000...1000

        /// A folder that the daemon watches in the way that suits its file system.
        public init(path: String, watch: Watch = .auto, priority: Int = 0) {
            self.path = path
            self.watch = watch
            self.priority = priority
        }
    }

    /// What happens to inputs after publishing.
    public enum Inputs: String, SettingWord { case archive, keep, delete }

    /// One way to describe a picture.
    public enum Captioner: Sendable, Equatable {
        /// CLIP ranks phrases of a vocabulary.
        case clip
        /// A fixed phrase.
        case template
        /// A program and its arguments; `{image}` stands for the picture's path. With a network it runs outside the
        /// worker's sandbox.
        case command([String], hasNetwork: Bool = false)
    }

    /// How pictures without a source prompt are described.
    public struct Captions: Sendable, Equatable {
        /// Ways to describe a picture, in order.
        public var captioners: [Captioner] = [.clip, .template]
        /// File of the phrases that CLIP ranks; nil: the model's own, or the installed one.
        public var vocabulary: String?

        /// The defaults.
        public init() {}
    }

    /// Limits of jobs and files.
    public struct Limits: Sendable, Equatable {
        /// Pixels of a picture.
        public var pixels = 64_000_000
        /// Seconds that a job may take; nil: no limit.
        public var seconds: Double?
        /// Bytes that a worker may use; nil: no limit.
        public var memory: Int?
        /// Bytes that the cache of fine-tunings and inversions may take; 0 turns the cache off.
        public var cache = 1_000_000_000
        /// Tries of a job whose worker crashes.
        public var attempts = 3
        /// After this time an orphan is overdue, seconds.
        public var orphanAfter = 600.0
        /// Seconds without progress after which the daemon kills a worker.
        public var stalledAfter = 1800.0
        /// Seconds without a change after which a file is ready.
        public var quiet = 1.0

        /// The defaults.
        public init() {}
    }

    /// How long the daemon keeps files of finished jobs, seconds; nil: for ever.
    public struct Retention: Sendable, Equatable {
        /// Inputs of published jobs.
        public var archive: Double?
        /// Failed jobs.
        public var failed: Double?
        /// Published jobs.
        public var outbox: Double?

        /// Keeps everything for ever.
        public init() {}
    }

    /// Watched folders.
    public var inboxes: [Inbox] = []
    /// The folder for results; nil where the configuration has none.
    public var outbox: String?
    /// What happens to inputs.
    public var inputs = Inputs.archive
    /// Folder of inputs of published jobs; nil: INBOX/archive.
    public var archive: String?
    /// Folder of failed jobs; nil: INBOX/failed.
    public var failed: String?
    /// Model's name or folder.
    public var model: String?
    /// How pictures without a source prompt are described.
    public var captions = Captions()
    /// Jobs at once.
    public var workers = 1
    /// Limits of jobs and files.
    public var limits = Limits()
    /// How long the daemon keeps files of finished jobs.
    public var retention = Retention()
    /// Permissions of published files.
    public var outputMode = 0o644
    /// A program that the daemon starts for every finished job.
    public var hook: String?
    /// Folder of the gallery; nil: there is none.
    public var gallery: String?
    /// The file for metrics.
    public var metricsFile: String?
    /// The preset of specs without one.
    public var preset = "recommended"
    /// The drag method of specs without one.
    public var method = MethodRow.standard
    /// Defaults for `output` of specs.
    public var output = OutputOptions()

    /// The defaults.
    public init() {}
}

/// Whether two folders are the same, or one lies in the other.
public func pathsOverlap(_ a: String, _ b: String) -> Bool {
    func parts(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }
    let (a, b) = (parts(a), parts(b))
    return a.starts(with: b) || b.starts(with: a)
}

extension Configuration.Inbox {
    /// The text of a configuration file that adds this inbox and nothing else.
    public var yaml: String {
        "inboxes:\n  - {path: \(quotedYAML(path)), watch: \(watch.rawValue), priority: \(priority)}\n"
    }
}
