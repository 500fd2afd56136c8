import DurableFiles
import Foundation
import JSON
import Logging
import Processes
internal import CLinux

/// The log. Under systemd each entry goes to the journal with its fields (systemd.journal-fields(7)): MESSAGE, PRIORITY,
/// MESSAGE_ID, ERRNO, DOCUMENTATION, and CLIPDRAGD_… for the job. Elsewhere, and where the journal does not listen, it is one plain
/// line on standard error. With `--json` it is a JSON object on one line of standard output instead.
public struct JournalLog: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level = .info
    /// The journal's socket; nil: there is none.
    private let socket: String?
    private let isJournal: Bool
    private let isJSON: Bool

    /// The journal's names of metadata; of others the key in capitals after CLIPDRAGD_.
    private static let fieldNames = [
        "event": "CLIPDRAGD_STATE", "job": "CLIPDRAGD_JOB_ID", "name": "CLIPDRAGD_NAME",
        "inbox": "CLIPDRAGD_INBOX",
        "spec": "CLIPDRAGD_SPEC", "attempt": "CLIPDRAGD_ATTEMPT", "code": "CLIPDRAGD_ERROR_CODE",
        "usec": "CLIPDRAGD_DURATION_USEC", "errno": "ERRNO",
    ]
    /// Metadata that a plain line leaves out.
    private static let unshown: Set = [
        "event", "inbox", "spec", "attempt", "usec", "errno", "error_type", "stage", "verdict",
    ]

    /// A handler for a label, which it does not show: the unit's name says it.
    public init(label: String, isJSON: Bool = false) {
        self.isJSON = isJSON
        let environment = ProcessInfo.processInfo.environment
        isJournal = environment["JOURNAL_STREAM"] != nil
        // An environment variable, so that tests can listen.
        socket =
            environment["CLIPDRAGD_JOURNAL_SOCKET"] ?? (isJournal ? "/run/systemd/journal/socket" : nil)
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }.map {
            (key: $0.key, value: PathCoding.shown($0.value.description))
        }
        let message = PathCoding.onOneLine(event.message.description)
        if isJSON {
            let entry =
                [
                    ("schema", "clipdrag-log/1"), ("time", Date().formatted(.iso8601)),
                    ("level", event.level.rawValue),
                    ("message", message),
                ] + fields.map { ($0.key, $0.value) }
            return StandardStream.output.write(
                JSONValue.object(entry.map { ($0.0, .string($0.1)) }).line + "\n")
        }
        if let socket {
            let entry = entry(event.level, message, fields)
            if cl_send(socket, entry, entry.count) == 0 { return }
        }
        let prefix =
            isJournal
            ? "<\(Self.priority(event.level))>"
            : "clipdragd: \(event.level == .info ? "" : "\(event.level): ")"
        let isOfJob = fields.contains { $0.key == "job" }
        let shown = fields.filter { !Self.unshown.contains($0.key) || ($0.key == "inbox" && !isOfJob) }
        let line = ([prefix + message] + shown.map { "\($0.key)=\($0.value)" }).joined(separator: " ")
        StandardStream.errors.write(PathCoding.onOneLine(line) + "\n")
    }

    /// An entry in the journal's native protocol: `NAME=value` a line; where the value has line breaks, the name, then its
    /// length in eight bytes, least first, then the value.
    private func entry(_ level: Logger.Level, _ message: String, _ fields: [(key: String, value: String)])
        -> [UInt8]
    {
        var bytes: [UInt8] = []
        func add(_ name: String, _ value: String) {
            let text = Array(value.utf8)
            if text.contains(UInt8(ascii: "\n")) {
                bytes += Array("\(name)\n".utf8)
                bytes += withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) }
            } else {
                bytes += Array("\(name)=".utf8)
            }
            bytes += text + [UInt8(ascii: "\n")]
        }
        add("MESSAGE", message)
        add("PRIORITY", String(Self.priority(level)))
        add("SYSLOG_IDENTIFIER", "clipdragd")
        for (key, value) in fields {
            add(Self.fieldNames[key] ?? "CLIPDRAGD_\(key.uppercased())", value)
            if key == "event", let event = JobEvent(rawValue: value) { add("MESSAGE_ID", event.messageID) }
            if key == "code" { add("DOCUMENTATION", "file:///usr/share/doc/clipdragd/errors.md") }
        }
        return bytes
    }

    private static func priority(_ level: Logger.Level) -> Int {
        switch level {
        case .trace, .debug: 7
        case .info: 6
        case .notice: 5
        case .warning: 4
        case .error: 3
        case .critical: 2
        }
    }
}
