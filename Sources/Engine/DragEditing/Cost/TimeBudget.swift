import Diffusion
import Failures
import TensorCore

/// The time that an edit may take (`budget`). One pass of the U-Net is timed before the first stage, and `EditCost` says
/// how many each stage takes.
///
/// What must come is reserved. Fine-tuning gets half of the rest, the drag what is left then.
struct TimeBudget {
    private let limit: Double?
    private let now: () -> Double
    private let start: Double
    private let cost: EditCost
    private let pace: EditPace

    /// - Parameters:
    ///   - limit: seconds; nil: any.
    ///   - start: when the edit began, by the clock.
    ///   - now: the seconds of the clock.
    ///   - pass: one pass of the U-Net at the edit's size; run only where there is a limit.
    init(
        _ limit: Double?, since start: Double, _ cost: EditCost, now: @escaping () -> Double, pass: () -> Void
    ) {
        self.limit = limit
        self.now = now
        self.start = start
        self.cost = cost
        var passSeconds = 0.0
        if limit != nil {
            let begun = now()
            pass()
            passSeconds = now() - begun
        }
        pace = EditPace(estimatingFrom: passSeconds, cost)
    }

    /// Seconds that stages take even when all their steps are cut.
    private func reserved(_ stages: [EditProgress.Stage]) -> Double {
        stages.reduce(0) { $0 + pace.seconds(cost.stages[$1]?.fixed ?? Work()) }
    }

    /// - Parameter isInverted: whether the source's inversion is known already.
    /// - Throws: `edit.budget` when not even an edit without fine-tuning and dragging fits.
    func check(isInverted: Bool) throws(Failure) {
        guard let limit else { return }
        let closing = reserved(EditProgress.Stage.allCases.filter { !(isInverted && $0 == .inverting) })
        guard limit - (now() - start) - closing < 0 else { return }
        let needed = (closing + (now() - start)).rounded(.up)
        throw Failure(
            .badJob, code: "edit.budget",
            message:
                "the budget leaves \(Int(limit)) s, but inversion and sampling alone take about \(Int(needed)) s here",
            hint: "Raise `budget`, or lower num_steps or inversion_strength.")
    }

    /// Whether fine-tuning has to end: asked before every step.
    func fineTuningEnd() -> () -> Bool {
        guard let limit else { return { false } }
        let share = (limit - (now() - start) - reserved(EditProgress.Stage.allCases)) / 2
        return isOver(at: now() + share, firstStep: pace.fineTuningStep)
    }

    /// Whether the drag has to end: asked before every step.
    func dragEnd() -> () -> Bool {
        guard let limit else { return { false } }
        return isOver(at: start + limit - reserved([.sampling, .judging]), firstStep: pace.dragStep)
    }

    /// Whether another step, as long as the longest so far, would end after `end`.
    private func isOver(at end: Double, firstStep: Double) -> () -> Bool {
        var (lastTime, longest): (Double?, Double) = (nil, 0)
        return { [now] in
            let time = now()
            if let lastTime { longest = max(longest, time - lastTime) }
            let next = lastTime == nil ? firstStep : longest
            lastTime = time
            return time + next > end
        }
    }
}
