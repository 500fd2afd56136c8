/// Remembers how long specs and pictures have waited for their counterpart. It is a value without a clock of its own.
struct OrphanTimer: Sendable {
    private var firstSeen: [String: Double] = [:]
    private var reported: Set<String> = []
    /// The orphans that wait now.
    private(set) var orphans: [Orphan] = []
    /// When the next one is overdue, seconds since 1970.
    private(set) var next: Double?

    /// Updates the waiting halves.
    ///
    /// - Parameter after: seconds from an orphan's arrival until it is overdue. (A file that is moved in may itself be old.)
    /// - Returns: the orphans that have become overdue.
    mutating func update(_ found: [Orphan], now: Double, after: Double) -> [Orphan] {
        var (seen, fresh): ([String: Double], [Orphan]) = ([:], [])
        next = nil
        orphans = []
        for var orphan in found {
            let key = "\(orphan.inbox)/\(orphan.file)"
            let since = firstSeen[key] ?? now
            seen[key] = since
            orphan.isOverdue = now - since >= after
            if orphan.isOverdue {
                if reported.insert(key).inserted { fresh.append(orphan) }
            } else {
                next = min(next ?? .infinity, since + after)
            }
            orphans.append(orphan)
        }
        firstSeen = seen
        reported = reported.filter { seen[$0] != nil }
        return fresh
    }
}
