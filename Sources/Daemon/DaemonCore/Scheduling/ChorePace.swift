/// Limits a chore whose cost grows with the queue to a twentieth of the time.
struct ChorePace {
    private var due: ContinuousClock.Instant
    private var isOwed: Bool

    /// No chore is postponed.
    init() { (due, isOwed) = (.now, false) }

    /// A chore is postponed.
    init(postponedTo due: ContinuousClock.Instant) { (self.due, isOwed) = (due, true) }

    /// When a postponed chore is due; nil without one.
    var owed: ContinuousClock.Instant? { isOwed ? due : nil }

    /// Does the chore if there is news or if it was postponed. If it was done too recently, this postpones it.
    mutating func run(hasNews: Bool, atOnce: Bool = false, _ chore: () -> Void) {
        let start = ContinuousClock.now
        guard hasNews || isOwed || atOnce else { return }
        isOwed = !atOnce && start < due
        if isOwed { return }
        chore()
        due = .now + (.now - start) * 20
    }
}
