import Failures
import Settings
import YAMLDocuments

/// One of the files of a configuration.
public struct ConfigurationFile: Sendable, Equatable {
    /// Its path, as messages name it.
    public var path: String
    /// Its content.
    public var bytes: [UInt8]

    /// A file.
    public init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
    }
}

/// Reads a configuration of several files in their order. A later file's value replaces an earlier one's; inboxes add up.
///
/// - Throws: the first mistake. Its code is that of specs where these have one, else `config.…`. Where two files contradict
///   each other, its place is in the later one.
public func parseConfiguration(_ files: [ConfigurationFile]) throws(Failure) -> Configuration {
    var reading = ConfigurationReading()
    for file in files {
        let (root, source) = try YAMLReader.read(file.bytes, file: file.path, .badConfiguration)
        guard let root, !root.isNull else { continue }
        try reading.read(root, DocumentDecoder(source: source))
    }
    try reading.checkOutbox()
    return reading.configuration
}

/// The configuration as read so far, and the places of its folders in the files.
private struct ConfigurationReading {
    /// A place in one of the files.
    private struct Place {
        let file: Int
        let decoder: DocumentDecoder
        let mark: SourceMark
    }

    private(set) var configuration = Configuration()
    private var inboxPlaces: [Place] = []
    private var outboxPlace: Place?
    private var file = 0

    mutating func read(_ root: YAMLNode, _ decoder: DocumentDecoder) throws(Failure) {
        file += 1
        let groups = ConfigurationKey.topKeys.flatMap { name in
            ConfigurationKey.members(of: name).map { ($0.key, name) }
        }
        let entries = try decoder.mapping(
            root, "the configuration", keys: ConfigurationKey.topKeys,
            places: Dictionary(groups) { first, _ in first })
        for name in ConfigurationKey.topKeys {
            guard let node = entries[name]?.value else { continue }
            let members = ConfigurationKey.members(of: name)
            if members.isEmpty {
                for key in ConfigurationKey.all where key.name == name { try read(key, node, decoder) }
            } else if node.isNull {
                for key in members { key.reset(&configuration) }
            } else {
                let inner = try decoder.mapping(node, "`\(name)`", keys: members.map(\.key))
                for key in members {
                    if let node = inner[key.key]?.value { try read(key, node, decoder) }
                }
            }
        }
    }

    /// Reads one key; `null` restores its default.
    private mutating func read(_ key: ConfigurationKey, _ node: YAMLNode, _ decoder: DocumentDecoder)
        throws(Failure)
    {
        if key.kind == .inboxes {
            if !node.isNull { try addInboxes(node, decoder) }
            return
        }
        if key.name == "outbox" {
            outboxPlace = node.isNull ? nil : Place(file: file, decoder: decoder, mark: node.mark)
        }
        if node.isNull { return key.reset(&configuration) }
        let what = "`\(key.key)`"
        switch key.kind {
        case .inboxes: return
        case .captions: configuration.captions = try captions(node, decoder)
        case .output: configuration.output = try decoder.output(node, onto: configuration.output)
        case .value(let kind): key.set(try decoder.value(node, what, kind), in: &configuration)
        case .text: key.set(.word(try decoder.text(node, what)), in: &configuration)
        case .path: key.set(.word(try path(node, what, decoder)), in: &configuration)
        case .size(let least):
            key.set(.integer(try decoder.size(node, what, least: least)), in: &configuration)
        case .mode: key.set(.integer(try mode(node, decoder)), in: &configuration)
        case .preset:
            let names = Preset.allCases.map(\.rawValue)
            key.set(
                .word(try decoder.word(node, what, code: "spec.unknown_preset", among: names)),
                in: &configuration)
        case .method:
            key.set(
                .word(try decoder.word(node, what, code: "spec.unknown_method", among: MethodRow.names)),
                in: &configuration)
        }
    }

    /// Refuses an outbox in an inbox: results would become jobs. The place is that of the later of two files.
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
            "config.overlap", "\(folders) overlap\(other)", at: later.mark, do: hint)
    }

    private mutating func addInboxes(_ node: YAMLNode, _ decoder: DocumentDecoder) throws(Failure) {
        if case .scalar(let path, _, _) = node, path.hasPrefix("/") {
            throw decoder.wrongKind(node, "`inboxes`", "a list", do: "Write [{path: \(path)}].")
        }
        for item in try decoder.list(node, "`inboxes`") {
            if case .scalar(let path, _, _) = item, path.hasPrefix("/") {
                throw decoder.wrongKind(
                    item, "an inbox", "a mapping of path, watch, priority", do: "Write {path: \(path)}.")
            }
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
                inbox.priority = try decoder.integer(node, "`priority`", in: Configuration.Inbox.priorities)
            }
            let place = Place(file: file, decoder: decoder, mark: node.mark)
            for (other, earlier) in zip(configuration.inboxes, inboxPlaces)
            where pathsOverlap(other.path, inbox.path) {
                throw clash(
                    "the inboxes \(other.path) and \(inbox.path)", place, earlier,
                    "Choose folders that do not contain each other.")
            }
            configuration.inboxes.append(inbox)
            inboxPlaces.append(place)
        }
    }
}

private func path(_ node: YAMLNode, _ what: String, _ decoder: DocumentDecoder) throws(Failure) -> String {
    let path = try decoder.text(node, what)
    guard path.hasPrefix("/") else {
        throw decoder.error(
            "config.relative_path", "\(what) is `\(path)`, a relative path", at: node.mark,
            do: "Write a path that begins with /.")
    }
    // `/in/` and `/in` are one folder and must be one text: a file is known by its folder's path.
    let parts = path.unicodeScalars.split(separator: "/").map { String($0) }.filter { $0 != "." }
    return "/" + parts.joined(separator: "/")
}

/// A list of captioners, or a mapping of `use`, such a list, and `vocabulary`.
private func captions(_ node: YAMLNode, _ decoder: DocumentDecoder) throws(Failure) -> Configuration.Captions
{
    var captions = Configuration.Captions()
    guard case .mapping(let members, _) = node, !members.isEmpty else {
        captions.captioners = try captioners(node, "`captions`", decoder)
        return captions
    }
    let entries = try decoder.mapping(node, "`captions`", keys: ["use", "vocabulary"])
    if let node = entries["use"]?.value, !node.isNull {
        captions.captioners = try captioners(node, "`use`", decoder)
    }
    if let node = entries["vocabulary"]?.value, !node.isNull {
        captions.vocabulary = try path(node, "`vocabulary`", decoder)
    }
    return captions
}

private func captioners(
    _ node: YAMLNode, _ what: String, _ decoder: DocumentDecoder
) throws(Failure) -> [Configuration.Captioner] {
    var captioners: [Configuration.Captioner] = []
    for item in try decoder.list(node, what) {
        guard case .mapping = item else {
            captioners.append(
                try decoder.word(item, "a captioner", among: ["clip", "template"]) == "clip"
                    ? .clip : .template)
            continue
        }
        captioners.append(try program(item, decoder))
    }
    return captioners
}

private func program(
    _ item: YAMLNode, _ decoder: DocumentDecoder
) throws(Failure) -> Configuration.Captioner {
    let entries = try decoder.mapping(item, "a captioner", keys: ["command", "network"])
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
    var hasNetwork = false
    if let node = entries["network"]?.value, !node.isNull {
        hasNetwork = try decoder.value(node, "`network`", .flag) == .flag(true)
    }
    return .command(words, hasNetwork: hasNetwork)
}

private func mode(_ node: YAMLNode, _ decoder: DocumentDecoder) throws(Failure) -> Int {
    guard case .scalar(let text, _, _) = node, text.hasPrefix("0"), text.count <= 5,
        let mode = Int(text, radix: 8), mode <= 0o777,
        mode & 0o400 != 0
    else { throw decoder.wrongKind(node, "`output_mode`", "an octal mode in quotes such as \"0644\"") }
    return mode
}
