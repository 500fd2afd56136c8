import Diffusion
import TensorCore
import Verdicts

/// Judges one edit; the measures and their thresholds are in docs/verdict.md.
public struct Judge {
    let model: DiffusionModel
    let result: EditResult
    /// The finished picture, as its viewer sees it, at working size.
    let shown: Tensor
    /// Where the picture may change, at working size.
    let region: EditMask
    private let change: Verdict.Change

    /// A judge of one edit.
    ///
    /// - Parameters:
    ///   - shown: the finished picture at working size, `(1, h, w, 3)` in [0, 1]; nil: the decoded one.
    ///   - drags: of the request, in the input's pixels.
    public init(_ model: DiffusionModel, _ result: EditResult, shown: Tensor? = nil, drags: [Drag]) {
        self.model = model
        self.result = result
        self.shown = shown ?? result.decoded
        let size = Size(height: result.working.shape[1], width: result.working.shape[2])
        let everywhere = EditMask(size: size, values: Array(repeating: true, count: size.height * size.width))
        let surroundings = drags.isEmpty ? nil : EditMask.around(drags, size: result.record.grid.image)
        region = (result.mask ?? surroundings)?.resized(to: size) ?? everywhere
        change = result.change(in: region)
    }

    /// Compares source, reconstruction and result.
    ///
    /// - Parameters:
    ///   - wish: P_e; nil: the job has none.
    ///   - others: P_o and other texts that P_e is compared with.
    public func verdict(seed: UInt64, wish: String?, others: [String]) -> Verdict {
        let movements = movements(seed: seed, isChanged: isChanged)
        let text = wish.flatMap { visibility(of: $0, among: others) }
        let damage = DamageMeasure(
            source: result.working, result: shown, region: region,
            reach: DamageMeasure.reach(result.record)
        ).damage
        return Verdict(
            answers: EditVerdict(
                drag: movements.isEmpty ? nil : Self.answer(movements.map(\.answer)),
                text: wish.map { _ in text?.answer ?? .unclear }, damage: damage.answer(hasWish: wish != nil)),
            movements: movements, text: text, damage: damage, change: change)
    }

    /// Whether the result differs from the reconstruction by more than the reconstruction's own noise.
    private var isChanged: Bool { change.inside > 1.5 * change.noise + 0.005 }

    /// All drags' answer: theirs where they agree.
    private static func answer(_ answers: [EditVerdict.Movement]) -> EditVerdict.Movement {
        answers.allSatisfy { $0 == answers[0] } ? answers[0] : .partly
    }
}

extension EditResult {
    /// Changes inside a region at working size and outside it.
    fileprivate func change(in region: EditMask) -> Verdict.Change {
        var sums = (inside: 0.0, outside: 0.0, noise: 0.0)
        decoded.withUnsafeValues { edited in
            reconstruction.withUnsafeValues { plain in
                working.withUnsafeValues { source in
                    for (i, isInside) in region.values.enumerated() {
                        for c in 3 * i..<3 * i + 3 {
                            let change = Double(abs(edited[c] - plain[c]))
                            if isInside {
                                sums.inside += change
                                sums.noise += Double(abs(plain[c] - source[c]))
                            } else {
                                sums.outside += change
                            }
                        }
                    }
                }
            }
        }
        let inside = Double(3 * max(region.values.count { $0 }, 1))
        let outside = Double(3 * max(region.values.count { !$0 }, 1))
        return Verdict.Change(
            inside: sums.inside / inside, outside: sums.outside / outside, noise: sums.noise / inside)
    }
}
