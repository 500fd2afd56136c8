import Diffusion
import Foundation
import TensorCore

/// Whether an edit did what was asked (docs/algorithm.md section 7, docs/verdict.md). Arrival of the tracked handle
/// proves little: fast tracking arrives by construction. The verdict compares content: does the result look at the
/// target as the source looks at the handle?
public struct Verdict: Sendable {
    /// The three answers.
    public enum Answer: String, Sendable, Codable { case moved, partly, unchanged }

    /// One pair's numbers.
    public struct Pair: Sendable {
        /// Cosine of the source's feature at the handle with the unedited reconstruction's at the target.
        public var similarityBefore: Double
        /// The same with the result's.
        public var similarityAfter: Double
        /// The same with the reconstruction's at the handle itself: what could be reached.
        public var similarityPossible: Double
        /// The answer.
        public var answer: Answer
    }

    /// For the whole job.
    public var answer: Answer
    /// One per drag.
    public var pairs: [Pair]
    /// Mean absolute change against the reconstruction inside the edited region and outside, 0…1.
    public var changeInside, changeOutside: Double
    /// Mean absolute difference of reconstruction and source inside the region: the reconstruction's own noise.
    public var noise: Double
}

/// Thresholds and measures of verdicts; how they were chosen is in docs/verdict.md.
public struct Judge {
    /// Noised copies whose features are averaged.
    static let copies = 4
    /// A rise of similarity below this is none.
    static let leastRise = 0.02

    private let model: DiffusionModel
    private let result: EditResult

    /// A judge of one edit.
    public init(_ model: DiffusionModel, _ result: EditResult) {
        self.model = model
        self.result = result
    }

    /// Compares source, reconstruction and result.
    ///
    /// - Parameter clipRise: how much CLIP's score for P_e rose; decides jobs without drags.
    public func verdict(drags: [Drag], seed: UInt64, clipRise: Double?) -> Verdict {
        let (inside, outside, noise) = pixelChanges(drags)
        guard !drags.isEmpty else {
            let changed = inside > 1.5 * noise + 0.005
            let rose = (clipRise ?? 0) > 0.01
            return Verdict(
                answer: changed && rose ? .moved : changed || rose ? .partly : .unchanged, pairs: [],
                changeInside: inside,
                changeOutside: outside, noise: noise)
        }
        // The last block but one: coarse enough for meaning, fine enough for place.
        let blockCount = model.unet.blockFeatureCount
        let features = ContentFeatures(
            model: model, result: result, seed: seed, copies: Self.copies, block: max(0, blockCount - 2))
        let source = features.map(result.working)
        let before = features.map(result.reconstruction)
        let after = features.map(result.decoded)
        let pairs = result.record.handles.map { handle -> Verdict.Pair in
            let wanted = source.feature(at: handle.start)
            let pair = (
                ContentFeatures.similarity(wanted, before.feature(at: handle.target)),
                ContentFeatures.similarity(wanted, after.feature(at: handle.target)),
                ContentFeatures.similarity(wanted, before.feature(at: handle.start))
            )
            let (rise, possible) = (pair.1 - pair.0, max(pair.2 - pair.0, Self.leastRise))
            let answer: Verdict.Answer =
                rise > 0.5 * possible
                ? .moved : rise < Self.leastRise && inside < 1.5 * noise + 0.005 ? .unchanged : .partly
            return Verdict.Pair(
                similarityBefore: pair.0, similarityAfter: pair.1, similarityPossible: pair.2, answer: answer)
        }
        let answer: Verdict.Answer =
            pairs.allSatisfy { $0.answer == .moved }
            ? .moved : pairs.allSatisfy { $0.answer == .unchanged } ? .unchanged : .partly
        return Verdict(
            answer: answer, pairs: pairs, changeInside: inside, changeOutside: outside, noise: noise)
    }

    private func pixelChanges(_ drags: [Drag]) -> (inside: Double, outside: Double, noise: Double) {
        let size = Size(height: result.working.shape[1], width: result.working.shape[2])
        let everywhere = EditMask(size: size, values: Array(repeating: true, count: size.height * size.width))
        let region =
            (result.mask ?? (drags.isEmpty ? nil : .around(drags, size: result.record.grid.image)))?.resized(
                to: size) ?? everywhere
        var sums = (inside: 0.0, outside: 0.0, noise: 0.0)
        result.decoded.withUnsafeValues { edited in
            result.reconstruction.withUnsafeValues { plain in
                result.working.withUnsafeValues { source in
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
        return (sums.inside / inside, sums.outside / outside, sums.noise / inside)
    }
}
