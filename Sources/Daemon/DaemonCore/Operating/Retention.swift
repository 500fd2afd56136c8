import DurableFiles
import JobFiles
import ServiceConfiguration

/// Removes results and inputs that the daemon has kept for as long as the configuration's `retention` says.
struct Retention: Sendable {
    private static let interval = 3600.0
    /// When to check next, seconds since 1970.
    private(set) var next = 0.0

    /// Whether a check is due.
    func isDue(_ now: Double) -> Bool { now >= next }

    /// Removes files that are too old. It tries again an hour later to remove what it could not.
    ///
    /// - Parameters:
    ///   - now: the time by the daemon's clock, seconds.
    ///   - time: gives the ages of files.
    /// - Returns: the removed files.
    mutating func expire(
        _ configuration: Configuration, _ files: some FileSystem, _ now: Double, _ time: TrustedTime
    ) -> [String] {
        next = now + Self.interval
        var removed: [String] = []
        let kept = configuration.retention
        func remove(_ folder: String, _ seconds: Double?, _ isOurs: (FileEntry) -> Bool) {
            guard let seconds, let entries = try? files.list(folder) else { return }
            for entry in entries where !entry.name.hasPrefix(".") && isOurs(entry) {
                let path = "\(folder)/\(entry.name)"
                guard let status = try? files.status(path), time.age(ofFileAt: status.changed) > seconds
                else {
                    continue
                }
                // One rename first: no reader of the outbox sees a partly removed folder.
                let last = "\(folder)/.clipdragd-expired"
                guard (try? files.removeTree(last)) != nil, (try? files.rename(path, to: last)) != nil else {
                    continue
                }
                removed.append(path)
                try? files.removeTree(last)
            }
        }
        func holds(_ folder: String, _ name: String) -> (FileEntry) -> Bool {
            { $0.kind == .directory && (try? files.status("\(folder)/\($0.name)/\(name)")) != nil }
        }
        if let outbox = configuration.outbox {
            remove(outbox, kept.outbox, holds(outbox, ResultRecord.fileName))
        }
        for inbox in configuration.inboxes {
            let failed = configuration.failedFolder(of: inbox.path)
            remove(failed, kept.failed, holds(failed, ErrorReport.fileName))
            remove(configuration.archiveFolder(of: inbox.path), kept.archive) {
                $0.kind == .file && (InboxNames.isSpec($0.name) || InboxNames.isPicture($0.name))
            }
        }
        return removed
    }
}
