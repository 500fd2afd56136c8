/// Remembers how long files have waited for their counterpart. It is a value without a clock of its own.
struct OrphanTimer: Sendable {
    private var firstSeen: [String: Double] = [:]
    private var reported: Set<String> = []
    /// The halves that wait now.
    private(set) var halves: [LoneHalf] = []
    /// When the next one becomes an orphan, seconds since 1970.
    private(set) var next: Double?

    /// Updates the waiting halves.
    ///
    /// - Parameter after: seconds from a half's arrival until it is an orphan. (A file that is moved in may itself be old.)
    /// - Returns: the new orphans.
    mutating func update(_ found: [LoneHalf], now: Double, after: Double) -> [LoneHalf] {
        var (seen, fresh): ([String: Double], [LoneHalf]) = ([:], [])
        next = nil
        halves = []
        for var half in found {
            let key = "\(half.inbox)/\(half.file)"
            let since = firstSeen[key] ?? now
            seen[key] = since
            half.isOrphan = now - since >= after
            if half.isOrphan {
                if reported.insert(key).inserted { fresh.append(half) }
            } else {
                next = min(next ?? .infinity, since + after)
            }
            halves.append(half)
        }
        firstSeen = seen
        reported = reported.filter { seen[$0] != nil }
        return fresh
    }
}
