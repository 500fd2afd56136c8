/// Keeps a listing in the log short, however many files it is about: ten lines a minute, then one that counts the others.
struct LineBudget: Sendable {
    private static let (lines, seconds) = (10, 60.0)
    private var (start, used, untold) = (-Double.infinity, 0, 0)
    /// Whether this minute's count of the others was told.
    private var hasCounted = false

    /// Takes what is to be told.
    ///
    /// - Parameter now: seconds, by any clock that goes on.
    /// - Returns: what to name, and how many others to count in one line; 0: no such line.
    mutating func take<Item>(_ items: [Item], _ now: Double) -> (shown: [Item], untold: Int) {
        if now - start >= Self.seconds { (start, used, hasCounted) = (now, 0, false) }
        let shown = items.prefix(Self.lines - used)
        used += shown.count
        untold += items.count - shown.count
        guard untold > 0, !hasCounted, !items.isEmpty else { return (Array(shown), 0) }
        defer { (untold, hasCounted) = (0, true) }
        return (Array(shown), untold)
    }
}
