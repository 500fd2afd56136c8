import DragEditing
import Testing

@testable import EditJobs

/// The time left that a progress bar shows.
@Suite struct TimeLeftTests {
    private static let forecast: [EditProgress.Stage: Double] = [
        .fineTuning: 10, .inverting: 2, .dragging: 20, .sampling: 2, .judging: 1,
    ]

    private func progress(
        _ stage: EditProgress.Stage, _ step: Int, of total: Int = 10, restored: Bool = false
    )
        -> EditProgress
    {
        EditProgress(stage: stage, step: step, total: total, isRestored: restored)
    }

    @Test func `at first the forecast alone decides`() {
        var left = TimeLeft(Self.forecast)
        #expect(left.update(progress(.fineTuning, 0), now: 100) == 35)
        #expect(left.update(progress(.fineTuning, 0), now: 103) == 32)
    }

    @Test func `a stage's own steps replace its forecast, and its pace scales what follows`() {
        var left = TimeLeft(Self.forecast)
        _ = left.update(progress(.fineTuning, 0), now: 0)
        #expect(left.update(progress(.fineTuning, 5), now: 10) == 10 + 25)
        // Fine-tuning took twice its forecast: 2·(2 + 20 + 2 + 1) seconds are left.
        #expect(left.update(progress(.inverting, 0), now: 20) == 50)
        #expect(left.update(progress(.dragging, 0, of: 160), now: 24) == 46)
        #expect(left.update(progress(.dragging, 80, of: 160), now: 44) == 20 + 6)
    }

    @Test func `a stage from the cache takes no time`() {
        var left = TimeLeft([.dragging: 20, .sampling: 2])
        #expect(left.update(progress(.fineTuning, 10, restored: true), now: 0) == 22)
        #expect(left.update(progress(.judging, 1, of: 1), now: 1) == 0)
    }
}
