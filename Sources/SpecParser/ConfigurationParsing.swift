import Failures

/// One of the files that a configuration is read from.
public struct ConfigurationFile: Sendable, Equatable {
    /// Its path, as messages name it.
    public var path: String
    /// What is in it.
    public var bytes: [UInt8]

    /// A file.
    public init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }
}

/// Reads a configuration of one file.
///
/// - Throws: the first thing that is wrong, codes `config.…` where specs have none of the kind.
public func parseConfiguration(_ bytes: [UInt8], file: String) throws(Failure) -> Configuration {
    try parseConfiguration([ConfigurationFile(path: file, bytes: bytes)])
}

/// Reads a configuration of several files in their order: a key that is given again counts, inboxes are added up.
///
/// - Throws: the first thing that is wrong; of what does not go together in two files, at its place in the later one.
public func parseConfiguration(_ files: [ConfigurationFile]) throws(Failure) -> Configuration {
    var reading = ConfigurationReading()
    for file in files {
        let (root, source) = try YAMLReader.read(file.bytes, file: file.path, .badConfiguration)
        guard let root, !root.isNull else { continue }
        try reading.read(root, Decoder(source: source))
    }
    try reading.checkOutbox()
    return reading.configuration
}

/// The configuration as far as it was read, and where its folders were named.
private struct ConfigurationReading {
    /// Where something was written.
    private struct Place {
        let file: Int
        let decoder: Decoder
        let mark: SourceMark
    }

    private(set) var configuration = Configuration()
    private var inboxPlaces: [Place] = []
    private var outboxPlace: Place?
    private var file = 0

    mutating func read(_ root: YAMLNode, _ decoder: Decoder) throws(Failure) {
        file += 1
        let entries = try decoder.mapping(
            root, "the configuration",
            keys: [
                "inboxes", "outbox", "inputs", "archive", "failed", "model", "captions", "workers", "limits",
                "retention",
                "output_mode", "hook", "metrics_file", "defaults",
            ])
        if let node = entries["inboxes"]?.value, !node.isNull { try addInboxes(node, decoder) }
        if let entry = entries["outbox"] {
            outboxPlace =
                entry.value.isNull ? nil : Place(file: file, decoder: decoder, mark: entry.value.mark)
        }
        if let node = given("outbox", \.outbox, entries) {
            configuration.outbox = try path(node, "`outbox`", decoder)
        }
        if let node = given("inputs", \.inputs, entries) {
            let words = Configuration.Inputs.allCases.map(\.rawValue)
            let word = try decoder.word(node, "`inputs`", among: words)
            configuration.inputs = Configuration.Inputs(rawValue: word) ?? .archive
        }
        if let node = given("archive", \.archive, entries) {
            configuration.archive = try path(node, "`archive`", decoder)
        }
        if let node = given("failed", \.failed, entries) {
            configuration.failed = try path(node, "`failed`", decoder)
        }
        if let node = given("model", \.model, entries) {
            configuration.model = try decoder.text(node, "`model`")
        }
        if let node = given("captions", \.captions, entries) {
            configuration.captions = try captions(node, decoder)
        }
        if let node = given("workers", \.workers, entries) {
            configuration.workers = try decoder.integer(node, "`workers`", in: 1...64)
        }
        if let node = given("limits", \.limits, entries) { try readLimits(node, decoder) }
        if let node = given("retention", \.retention, entries) { try readRetention(node, decoder) }
        if let node = given("output_mode", \.outputMode, entries) {
            configuration.outputMode = try mode(node, decoder)
        }
        if let node = given("hook", \.hook, entries) {
            configuration.hook = try path(node, "`hook`", decoder)
        }
        if let node = given("metrics_file", \.metricsFile, entries) {
            configuration.metricsFile = try path(node, "`metrics_file`", decoder)
        }
        guard let node = entries["defaults"]?.value else { return }
        if node.isNull {
            (configuration.preset, configuration.output) = (Configuration().preset, Configuration().output)
        } else {
            try readDefaults(node, decoder)
        }
    }

    /// An outbox in an inbox makes work of results. Of two files the later one is told.
    func checkOutbox() throws(Failure) {
        guard let outbox = configuration.outbox, let outboxPlace else { return }
        for (inbox, place) in zip(configuration.inboxes, inboxPlaces) where pathsOverlap(inbox.path, outbox) {
            let (later, earlier) =
                place.file > outboxPlace.file ? (place, outboxPlace) : (outboxPlace, place)
            throw clash(
                "the outbox \(outbox) and the inbox \(inbox.path)", later, earlier,
                "Choose an outbox outside every inbox.")
        }
    }

    private func clash(_ folders: String, _ later: Place, _ earlier: Place, _ hint: String) -> Failure {
        let other =
            earlier.file == later.file ? "" : " (see \(earlier.decoder.source.file):\(earlier.mark.line))"
        return later.decoder.error(
            "config.overlap", "\(folders) lie in one another\(other)", at: later.mark, do: hint)
    }

    /// The value of a key, if one is given; `null` puts the default back.
    private mutating func given<Value>(
        _ key: String, _ path: WritableKeyPath<Configuration, Value>, _ entries: [String: YAMLEntry]
    ) -> YAMLNode? {
        guard let node = entries[key]?.value else { return nil }
        guard node.isNull else { return node }
        configuration[keyPath: path] = Configuration()[keyPath: path]
        return nil
    }

    private mutating func addInboxes(_ node: YAMLNode, _ decoder: Decoder) throws(Failure) {
        for item in try decoder.list(node, "`inboxes`") {
            let entries = try decoder.mapping(item, "an inbox", keys: ["path", "watch", "priority"])
            guard let node = entries["path"]?.value else {
                throw decoder.error(
                    "spec.missing_key", "an inbox has no `path`", at: item.mark, do: "Write {path: /srv/…}.")
            }
            var inbox = Configuration.Inbox(path: try path(node, "`path`", decoder))
            if let node = entries["watch"]?.value {
                let word = try decoder.word(
                    node, "`watch`", among: Configuration.Inbox.Watch.allCases.map(\.rawValue))
                inbox.watch = Configuration.Inbox.Watch(rawValue: word) ?? .auto
            }
            if let node = entries["priority"]?.value {
                inbox.priority = try decoder.integer(node, "`priority`", in: -1000...1000)
            }
            let place = Place(file: file, decoder: decoder, mark: node.mark)
            for (other, earlier) in zip(configuration.inboxes, inboxPlaces)
            where pathsOverlap(other.path, inbox.path) {
                throw clash(
                    "the inboxes \(other.path) and \(inbox.path)", place, earlier,
                    "Choose folders apart from each other.")
            }
            configuration.inboxes.append(inbox)
            inboxPlaces.append(place)
        }
    }

    private mutating func readLimits(_ node: YAMLNode, _ decoder: Decoder) throws(Failure) {
        let entries = try decoder.mapping(
            node, "`limits`",
            keys: [
                "pixels", "seconds", "memory", "cache", "attempts", "orphan_after", "quiet", "stalled_after",
            ])
        if let node = given("pixels", \.limits.pixels, entries) {
            configuration.limits.pixels = try decoder.size(node, "`pixels`")
        }
        if let node = given("seconds", \.limits.seconds, entries) {
            configuration.limits.seconds = try decoder.number(node, "`seconds`", in: 1...1e7)
        }
        if let node = given("memory", \.limits.memory, entries) {
            configuration.limits.memory = try decoder.size(node, "`memory`")
        }
        if let node = given("cache", \.limits.cache, entries) {
            configuration.limits.cache = try decoder.size(node, "`cache`", least: 0)
        }
        if let node = given("attempts", \.limits.attempts, entries) {
            configuration.limits.attempts = try decoder.integer(node, "`attempts`", in: 1...100)
        }
        if let node = given("orphan_after", \.limits.orphanAfter, entries) {
            configuration.limits.orphanAfter = try decoder.duration(node, "`orphan_after`")
        }
        if let node = given("stalled_after", \.limits.stalledAfter, entries) {
            configuration.limits.stalledAfter = try decoder.duration(node, "`stalled_after`")
        }
        if let node = given("quiet", \.limits.quiet, entries) {
            configuration.limits.quiet = try decoder.duration(node, "`quiet`")
        }
    }

    private mutating func readRetention(_ node: YAMLNode, _ decoder: Decoder) throws(Failure) {
        let entries = try decoder.mapping(node, "`retention`", keys: ["archive", "failed", "outbox"])
        let places: [(String, WritableKeyPath<Configuration, Double?>)] = [
            ("archive", \.retention.archive), ("failed", \.retention.failed), ("outbox", \.retention.outbox),
        ]
        for (key, place) in places {
            if let node = given(key, place, entries) {
                configuration[keyPath: place] = try decoder.duration(node, "`\(key)`")
            }
        }
    }

    private mutating func readDefaults(_ node: YAMLNode, _ decoder: Decoder) throws(Failure) {
        let entries = try decoder.mapping(node, "`defaults`", keys: ["preset", "output"])
        if let node = entries["preset"]?.value {
            configuration.preset = try decoder.word(
                node, "`preset`", code: "spec.unknown_preset", among: EditSpec.presets)
        }
        if let node = entries["output"]?.value {
            configuration.output = try decodeOutput(node, decoder, onto: configuration.output)
        }
    }
}

private func path(_ node: YAMLNode, _ what: String, _ decoder: Decoder) throws(Failure) -> String {
    let path = try decoder.text(node, what)
    guard path.hasPrefix("/") else {
        throw decoder.error(
            "config.relative_path", "\(what) is `\(path)`, a relative path", at: node.mark,
            do: "Write a path that begins with /.")
    }
    return path
}

private func captions(_ node: YAMLNode, _ decoder: Decoder) throws(Failure) -> [Configuration.Captioner] {
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

private func mode(_ node: YAMLNode, _ decoder: Decoder) throws(Failure) -> Int {
    guard case .scalar(let text, _, _) = node, text.hasPrefix("0"), text.count <= 5,
        let mode = Int(text, radix: 8), mode <= 0o777,
        mode & 0o400 != 0
    else { throw decoder.wrongKind(node, "`output_mode`", "an octal mode in quotes such as \"0644\"") }
    return mode
}
