import Testing

@testable import DaemonCore

/// Bounded listings in the log.
@Suite struct LineBudgetTests {
    @Test func `of many things ten are named and the others counted, once a minute`() {
        var budget = LineBudget()
        let first = budget.take(Array(0..<100_000), 0)
        #expect(first.shown == Array(0..<10) && first.untold == 99_990)
        let more = budget.take([1, 2], 30)
        #expect(more.shown.isEmpty && more.untold == 0)
        let later = budget.take(Array(0..<11), 60)
        #expect(later.shown.count == 10 && later.untold == 3)
        let few = budget.take([7], 120)
        #expect(few.shown == [7] && few.untold == 0)
        #expect(budget.take([Int](), 125).untold == 0)
    }
}
