import Diffusion
import TensorCore
import Verdicts

/// Judges one edit; the measures and their thresholds are in docs/verdict.md.
public struct Judge {
    let model: DiffusionModel
    let result: EditResult
    /// The finished picture, as its viewer sees it, at working size.
    let shown: Tensor
    let comparison: Comparison
    private let drags: [Drag]
    private let change: Verdict.Change

    /// A judge of one edit.
    ///
    /// - Parameters:
    ///   - shown: the finished picture at working size, `(1, h, w, 3)` in [0, 1]; nil: the decoded one.
    ///   - drags: of the request, in the input's pixels.
    public init(_ model: DiffusionModel, _ result: EditResult, shown: Tensor? = nil, drags: [Drag]) {
        self.model = model
        self.result = result
        self.drags = drags
        self.shown = shown ?? result.decoded
        let size = Size(height: result.working.shape[1], width: result.working.shape[2])
        let everywhere = EditMask(size: size, values: Array(repeating: true, count: size.height * size.width))
        let surroundings = drags.isEmpty ? nil : EditMask.around(drags, size: result.record.grid.image)
        let region = (result.mask ?? surroundings)?.resized(to: size) ?? everywhere
        comparison = Comparison(source: result.working, result: self.shown, region: region)
        change = result.change(in: region)
    }

    /// Compares source, reconstruction and result.
    ///
    /// - Parameters:
    ///   - wish: P_e; nil: the job has none.
    ///   - own: P_o.
    ///   - others: texts that P_e is compared with beside P_o.
    public func verdict(seed: UInt64, wish: String?, own: String, others: [String]) -> Verdict {
        let movements = movements(drags, seed: seed)
        let text = wish.flatMap { wish in
            model.guide.map { guide in
                TextJudging(
                    guide, wish: wish, own: own, others: others, source: result.working,
                    reconstruction: result.reconstruction
                ).judged(shown)
            }
        }
        let damage = comparison.damage(
            drags: drags, image: result.record.grid.image, comparesOutlines: wish != nil)
        let visibility = wish.map { _ in
            text?.answer(
                isChanged: comparison.isChanged, isClearlyChanged: comparison.isClearlyChanged) ?? .unclear
        }
        let showsAnotherThing = visibility == .visible && text?.showsAnotherThing == true
        return Verdict(
            answers: EditVerdict(
                drag: movements.isEmpty ? nil : Self.answer(movements.map(\.answer)), text: visibility,
                damage: damage.answer(showsAnotherThing: showsAnotherThing, isDragged: !drags.isEmpty)),
            movements: movements, text: text, damage: damage, change: change)
    }

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
