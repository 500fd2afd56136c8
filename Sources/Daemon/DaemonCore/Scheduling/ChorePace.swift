/// Keeps a chore that grows with the queue to a twentieth of the time.
struct ChorePace {
    private var due = ContinuousClock.now
    private var isOwed = false

    /// When a chore that was put off is due; nil without one.
    var owed: ContinuousClock.Instant? { isOwed ? due : nil }

    /// Does it if there is news or it was put off, unless it was done too recently: then it is put off.
    mutating func run(hasNews: Bool, atOnce: Bool = false, _ chore: () -> Void) {
        let start = ContinuousClock.now
        guard hasNews || isOwed || atOnce else { return }
        isOwed = !atOnce && start < due
        if isOwed { return }
        chore()
        due = .now + (.now - start) * 20
    }
}
