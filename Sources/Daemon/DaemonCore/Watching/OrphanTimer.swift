/// Knows for how long files have waited for their other half. A value without a clock of its own.
struct OrphanTimer: Sendable {
    private var firstSeen: [String: Double] = [:]
    private var told: Set<String> = []
    /// What waits now.
    private(set) var halves: [Records.LoneHalf] = []
    /// When the next one becomes an orphan, seconds since 1970.
    private(set) var next: Double?

    /// Takes what waits now.
    ///
    /// - Parameter after: seconds until a half is an orphan, counted from when it came: a file that is moved in may be old.
    /// - Returns: those that have become orphans.
    mutating func update(_ found: [Records.LoneHalf], now: Double, after: Double) -> [Records.LoneHalf] {
        var (seen, fresh): ([String: Double], [Records.LoneHalf]) = ([:], [])
        next = nil
        halves = []
        for var half in found {
            let key = "\(half.inbox)/\(half.file)"
            let since = firstSeen[key] ?? now
            seen[key] = since
            half.isOrphan = now - since >= after
            if half.isOrphan {
                if told.insert(key).inserted { fresh.append(half) }
            } else {
                next = min(next ?? .infinity, since + after)
            }
            halves.append(half)
        }
        firstSeen = seen
        told = told.filter { seen[$0] != nil }
        return fresh
    }
}
