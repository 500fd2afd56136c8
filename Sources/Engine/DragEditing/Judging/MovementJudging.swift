import Diffusion
import TensorCore
import Verdicts

extension Judge {
    /// Noised copies whose features are averaged.
    private static let copies = 4
    /// A rise of similarity below this is none.
    private static let leastRise = 0.02

    /// Whether the content at each handle point moved: does the result look at the target point as the source looks at the
    /// handle point? The tracked handle's arrival proves little: fast tracking arrives by construction.
    func movements(seed: UInt64, isChanged: Bool) -> [Verdict.Movement] {
        let handles = result.record.handles
        guard !handles.isEmpty else { return [] }
        // The last block but one: coarse enough for meaning, fine enough for place.
        let features = ContentFeatures(
            model: model, result: result, seed: seed, copies: Self.copies,
            block: max(0, model.unet.blockFeatureCount - 2))
        let source = features.map(result.working)
        let before = features.map(result.reconstruction)
        let after = features.map(shown)
        return handles.map { handle in
            let wanted = source.feature(at: handle.start)
            let similarity = (
                before: ContentFeatures.similarity(wanted, before.feature(at: handle.target)),
                after: ContentFeatures.similarity(wanted, after.feature(at: handle.target)),
                possible: ContentFeatures.similarity(wanted, before.feature(at: handle.start))
            )
            let rise = similarity.after - similarity.before
            let possible = max(similarity.possible - similarity.before, Self.leastRise)
            return Verdict.Movement(
                similarityBefore: similarity.before, similarityAfter: similarity.after,
                similarityPossible: similarity.possible,
                answer: rise > 0.5 * possible
                    ? .moved : rise < Self.leastRise && !isChanged ? .unchanged : .partly)
        }
    }
}
