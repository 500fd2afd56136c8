import Foundation
import JobFiles
import Logging

/// One plain line each on standard error; under systemd with the priority that the journal reads from `<n>`.
public struct JournalLog: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var logLevel: Logger.Level = .info
    private let isJournal: Bool

    /// A handler for a label, which is not shown: the unit's name says it.
    public init(label: String) { isJournal = ProcessInfo.processInfo.environment["JOURNAL_STREAM"] != nil }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }.map {
            "\($0.key)=\($0.value)"
        }
        let prefix =
            isJournal
            ? "<\(Self.priority(event.level))>"
            : "clipdragd: \(event.level == .info ? "" : "\(event.level): ")"
        let line = PathCoding.shown(([prefix + event.message.description] + fields).joined(separator: " "))
        FileHandle.standardError.write(Data((line.replacingOccurrences(of: "\n", with: " ") + "\n").utf8))
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
