/// How the daemon is set up (contract, "Configuration").
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

        /// A folder watched automatically.
        public init(path: String, watch: Watch = .auto, priority: Int = 0) {
            self.path = path
            self.watch = watch
            self.priority = priority
        }
    }

    /// What happens to inputs after publishing.
    public enum Inputs: String, Sendable, CaseIterable { case archive, keep, delete }

    /// One way to describe a picture.
    public enum Captioner: Sendable, Equatable {
        /// CLIP ranks phrases of a vocabulary.
        case clip
        /// A fixed phrase.
        case template
        /// A program and its arguments; `{image}` stands for the picture's path.
        case command([String])
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
    /// Ways to describe a picture, in order.
    public var captions: [Captioner] = [.clip, .template]
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
    /// What specs leave out of `output`.
    public var output = EditSpec.Output()

    /// The defaults.
    public init() {}
}

/// Reads a configuration file.
///
/// - Throws: the first thing that is wrong, codes `config.…` where specs have none of the kind.
public func parseConfiguration(_ bytes: [UInt8], file: String) throws(SpecError) -> Configuration {
    let (root, source) = try YAMLReader.read(bytes, file: file)
    guard let root, !root.isNull else { return Configuration() }
    return try ConfigurationDecoder(decoder: Decoder(source: source)).configuration(root)
}

private struct ConfigurationDecoder {
    let decoder: Decoder

    func configuration(_ root: YAMLNode) throws(SpecError) -> Configuration {
        let entries = try decoder.mapping(
            root, "the configuration",
            keys: [
                "inboxes", "outbox", "inputs", "archive", "failed", "model", "captions", "workers", "limits",
                "retention",
                "output_mode", "hook", "metrics_file", "defaults",
            ])
        var c = Configuration()
        func given(_ key: String) -> YAMLNode? { entries[key].flatMap { $0.value.isNull ? nil : $0.value } }
        if let node = given("inboxes") { c.inboxes = try inboxes(node) }
        if let node = given("outbox") { c.outbox = try path(node, "`outbox`") }
        if let node = given("inputs") {
            c.inputs =
                Configuration.Inputs(
                    rawValue: try decoder.word(
                        node, "`inputs`", among: Configuration.Inputs.allCases.map(\.rawValue))) ?? .archive
        }
        if let node = given("archive") { c.archive = try path(node, "`archive`") }
        if let node = given("failed") { c.failed = try path(node, "`failed`") }
        if let node = given("model") { c.model = try decoder.text(node, "`model`") }
        if let node = given("captions") { c.captions = try captions(node) }
        if let node = given("workers") { c.workers = try decoder.integer(node, "`workers`", in: 1...64) }
        if let node = given("limits") { c.limits = try limits(node) }
        if let node = given("retention") { c.retention = try retention(node) }
        if let node = given("output_mode") { c.outputMode = try mode(node) }
        if let node = given("hook") { c.hook = try path(node, "`hook`") }
        if let node = given("metrics_file") { c.metricsFile = try path(node, "`metrics_file`") }
        if let node = given("defaults") {
            let defaults = try decoder.mapping(node, "`defaults`", keys: ["preset", "output"])
            if let node = defaults["preset"]?.value {
                c.preset = try decoder.word(
                    node, "`preset`", code: "spec.unknown_preset", among: EditSpec.presets)
            }
            if let node = defaults["output"]?.value { c.output = try decodeOutput(node, decoder) }
        }
        if let outbox = c.outbox, let clash = c.inboxes.first(where: { overlaps($0.path, outbox) }) {
            throw decoder.error(
                "config.overlap", "the outbox \(outbox) and the inbox \(clash.path) lie in one another",
                at: entries["outbox"]?.value.mark ?? root.mark, do: "Choose an outbox outside every inbox.")
        }
        return c
    }

    private func path(_ node: YAMLNode, _ what: String) throws(SpecError) -> String {
        let path = try decoder.text(node, what)
        guard path.hasPrefix("/") else {
            throw decoder.error(
                "config.relative_path", "\(what) is `\(path)`, a relative path", at: node.mark,
                do: "Write a path that begins with /.")
        }
        return path
    }

    private func inboxes(_ node: YAMLNode) throws(SpecError) -> [Configuration.Inbox] {
        var inboxes: [Configuration.Inbox] = []
        for item in try decoder.list(node, "`inboxes`") {
            let entries = try decoder.mapping(item, "an inbox", keys: ["path", "watch", "priority"])
            guard let node = entries["path"]?.value else {
                throw decoder.error(
                    "spec.missing_key", "an inbox has no `path`", at: item.mark, do: "Write {path: /srv/…}.")
            }
            var inbox = Configuration.Inbox(path: try path(node, "`path`"))
            if let node = entries["watch"]?.value {
                let word = try decoder.word(
                    node, "`watch`", among: Configuration.Inbox.Watch.allCases.map(\.rawValue))
                inbox.watch = Configuration.Inbox.Watch(rawValue: word) ?? .auto
            }
            if let node = entries["priority"]?.value {
                inbox.priority = try decoder.integer(node, "`priority`", in: -1000...1000)
            }
            if let other = inboxes.first(where: { overlaps($0.path, inbox.path) }) {
                throw decoder.error(
                    "config.overlap", "the inboxes \(other.path) and \(inbox.path) lie in one another",
                    at: node.mark,
                    do: "Choose folders apart from each other.")
            }
            inboxes.append(inbox)
        }
        return inboxes
    }

    private func captions(_ node: YAMLNode) throws(SpecError) -> [Configuration.Captioner] {
        var captioners: [Configuration.Captioner] = []
        for item in try decoder.list(node, "`captions`") {
            guard case .mapping = item else {
                captioners.append(
                    try decoder.word(item, "a captioner", among: ["clip", "template"]) == "clip"
                        ? .clip : .template)
                continue
            }
            let entries = try decoder.mapping(item, "a captioner", keys: ["command"])
            guard let node = entries["command"]?.value else {
                throw decoder.wrongKind(item, "a captioner", "{command: [program, …]}")
            }
            var words: [String] = []
            for word in try decoder.list(node, "`command`") {
                words.append(try decoder.text(word, "a word of `command`"))
            }
            guard words.first?.hasPrefix("/") == true else {
                throw decoder.error(
                    "config.relative_path", "`command` must begin with a program's full path", at: node.mark,
                    do: "Write [/usr/local/bin/describe, \"{image}\"].")
            }
            captioners.append(.command(words))
        }
        return captioners
    }

    private func limits(_ node: YAMLNode) throws(SpecError) -> Configuration.Limits {
        let entries = try decoder.mapping(
            node, "`limits`",
            keys: [
                "pixels", "seconds", "memory", "cache", "attempts", "orphan_after", "quiet", "stalled_after",
            ])
        var limits = Configuration.Limits()
        func given(_ key: String) -> YAMLNode? { entries[key].flatMap { $0.value.isNull ? nil : $0.value } }
        if let node = given("pixels") { limits.pixels = try decoder.size(node, "`pixels`") }
        if let node = given("seconds") { limits.seconds = try decoder.number(node, "`seconds`", in: 1...1e7) }
        if let node = given("memory") { limits.memory = try decoder.size(node, "`memory`") }
        if let node = given("cache") { limits.cache = try decoder.size(node, "`cache`", least: 0) }
        if let node = given("attempts") {
            limits.attempts = try decoder.integer(node, "`attempts`", in: 1...100)
        }
        if let node = given("orphan_after") {
            limits.orphanAfter = try decoder.duration(node, "`orphan_after`")
        }
        if let node = given("stalled_after") {
            limits.stalledAfter = try decoder.duration(node, "`stalled_after`")
        }
        if let node = given("quiet") { limits.quiet = try decoder.duration(node, "`quiet`") }
        return limits
    }

    private func retention(_ node: YAMLNode) throws(SpecError) -> Configuration.Retention {
        let entries = try decoder.mapping(node, "`retention`", keys: ["archive", "failed", "outbox"])
        var retention = Configuration.Retention()
        func seconds(_ key: String) throws(SpecError) -> Double? {
            guard let node = entries[key]?.value, !node.isNull else { return nil }
            return try decoder.duration(node, "`\(key)`")
        }
        retention.archive = try seconds("archive")
        retention.failed = try seconds("failed")
        retention.outbox = try seconds("outbox")
        return retention
    }

    private func mode(_ node: YAMLNode) throws(SpecError) -> Int {
        guard case .scalar(let text, _, _) = node, text.hasPrefix("0"), text.count <= 5,
            let mode = Int(text, radix: 8), mode <= 0o777,
            mode & 0o400 != 0
        else { throw decoder.wrongKind(node, "`output_mode`", "an octal mode in quotes such as \"0644\"") }
        return mode
    }

    private func overlaps(_ a: String, _ b: String) -> Bool { pathsOverlap(a, b) }
}

/// Whether one of two folders is the other or lies in it.
public func pathsOverlap(_ a: String, _ b: String) -> Bool {
    func parts(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }
    let (a, b) = (parts(a), parts(b))
    return a.starts(with: b) || b.starts(with: a)
}
