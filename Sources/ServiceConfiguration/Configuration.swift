import Settings
import YAMLDocuments

/// How the daemon is set up (docs/configuration.md).
public struct Configuration: Sendable, Equatable {
    /// A watched folder.
    public struct Inbox: Sendable, Equatable {
        /// How it is watched.
        public enum Watch: String, Sendable, CaseIterable { case auto, inotify, poll }
        /// Its path.
        public var path: String
        /// How it is watched.
        public var watch: Watch
        /// Added to its jobs' priorities.
        public var priority: Int

        /// The range of `priority`.
        public static let priorities = -1000...1000

        /// A folder watched automatically.
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

    /// Bounds.
    public struct Limits: Sendable, Equatable {
        /// Pixels of a picture.
        public var pixels = 64_000_000
        /// Seconds a job may take; nil: any.
        public var seconds: Double?
        /// Bytes a worker may use; nil: any.
        public var memory: Int?
        /// Bytes that remembered fine-tunings and inversions may take; 0 remembers none.
        public var cache = 1_000_000_000
        /// Tries of a job whose worker crashes.
        public var attempts = 3
        /// After this time a lone half is reported, seconds.
        public var orphanAfter = 600.0
        /// A worker that makes no progress for this time is killed, seconds.
        public var stalledAfter = 1800.0
        /// A file is ready when it has not changed for this time, seconds.
        public var quiet = 1.0

        /// The defaults.
        public init() {}
    }

    /// How long finished things are kept, seconds; nil: for ever.
    public struct Retention: Sendable, Equatable {
        /// Inputs of published jobs.
        public var archive: Double?
        /// Failed jobs.
        public var failed: Double?
        /// Published jobs.
        public var outbox: Double?

        /// For ever.
        public init() {}
    }

    /// Watched folders.
    public var inboxes: [Inbox] = []
    /// Where results are published; nil where none was given.
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
    /// Bounds.
    public var limits = Limits()
    /// How long finished things are kept.
    public var retention = Retention()
    /// Permissions of published files.
    public var outputMode = 0o644
    /// A program told of finished jobs.
    public var hook: String?
    /// Where metrics are written.
    public var metricsFile: String?
    /// Preset of specs that name none.
    public var preset = "recommended"
    /// Drag method of specs that name none.
    public var method = MethodRow.standard
    /// What specs leave out of `output`.
    public var output = OutputOptions()

    /// The defaults.
    public init() {}
}

/// Whether one of two folders is the other or lies in it.
public func pathsOverlap(_ a: String, _ b: String) -> Bool {
    func parts(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }
    let (a, b) = (parts(a), parts(b))
    return a.starts(with: b) || b.starts(with: a)
}

extension Configuration.Inbox {
    /// The text of a configuration file that adds this inbox and says nothing else.
    public var yaml: String {
        "inboxes:\n  - {path: \(quotedYAML(path)), watch: \(watch.rawValue), priority: \(priority)}\n"
    }
}
