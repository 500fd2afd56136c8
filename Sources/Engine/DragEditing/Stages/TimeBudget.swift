import Diffusion
import Failures
import TensorCore

/// The time that an edit may take (`budget`), counted in passes of the U-Net.
///
/// What must come is reserved: the inversions, sampling (two latents a step), the decodings and the verdict, which cost
/// about as much as two dozen passes. Fine-tuning gets half of the rest, the drag what is left then.
struct TimeBudget {
    private static let closingPasses = 24
    private let limit: Double?
    private let now: () -> Double
    private let start: Double
    private let steps, inversions: Int
    private var passSeconds = 0.0

    /// - Parameters:
    ///   - limit: seconds; nil: any.
    ///   - steps: timesteps that are inverted and sampled.
    ///   - inversions: two when the drag starts from a warped picture.
    ///   - now: the seconds of a clock.
    init(_ limit: Double?, steps: Int, inversions: Int, now: @escaping () -> Double) {
        self.limit = limit
        self.steps = steps
        self.inversions = inversions
        self.now = now
        start = limit == nil ? 0 : now()
    }

    /// Whether there is a limit at all.
    var isLimited: Bool { limit != nil }

    /// Times one pass.
    mutating func measure(_ pass: () -> Void) {
        let begun = now()
        pass()
        passSeconds = now() - begun
    }

    /// Seconds left before what is reserved.
    private func free(_ limit: Double, reservedPasses: Int) -> Double {
        limit - (now() - start) - Double(reservedPasses) * passSeconds
    }

    /// - Parameter isInverted: whether the source's inversion is known already.
    /// - Throws: `edit.budget` when not even an edit without fine-tuning and dragging fits.
    func check(isInverted: Bool) throws(Failure) {
        guard let limit else { return }
        let passes = (2 + inversions - (isInverted ? 1 : 0)) * steps + Self.closingPasses
        guard free(limit, reservedPasses: passes) < 0 else { return }
        let needed = (Double(passes) * passSeconds + (now() - start)).rounded(.up)
        throw Failure(
            .badJob, code: "edit.budget",
            message:
                "the budget leaves \(Int(limit)) s, but inversion and sampling alone take about \(Int(needed)) s here",
            hint: "Raise `budget`, or lower num_steps or inversion_strength.")
    }

    /// Whether fine-tuning has to end: asked before every step.
    ///
    /// - Parameter batch: samples of a step; each costs about three passes, forward and back.
    func fineTuningEnd(batch: Int) -> () -> Bool {
        guard let limit else { return { false } }
        let share = free(limit, reservedPasses: (2 + inversions) * steps + Self.closingPasses) / 2
        return isOver(at: now() + share, firstStep: Double(3 * batch) * passSeconds)
    }

    /// Whether the drag has to end: asked before every iteration.
    func dragEnd() -> () -> Bool {
        guard let limit else { return { false } }
        let reserved = Double(2 * steps + Self.closingPasses) * passSeconds
        return isOver(at: start + limit - reserved, firstStep: 0)
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
