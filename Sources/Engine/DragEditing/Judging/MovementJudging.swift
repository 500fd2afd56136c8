import Diffusion
import Foundation
import TensorCore
import Verdicts

extension Judge {
    /// Noised copies whose features are averaged.
    private static let copies = 4
    /// The least rise of similarity that a drag is expected to reach.
    private static let leastRise = 0.02

    /// Whether the content at each handle point moved.
    ///
    /// The tracked handle's arrival proves little: fast tracking arrives by construction. Two measures must agree: where the
    /// source's pixels around the handle point are found along the drag, and whether the result's features at the target point
    /// are those of the source at the handle point.
    ///
    /// - Parameter drags: in pixels of the input.
    func movements(_ drags: [Drag], seed: UInt64) -> [Verdict.Movement] {
        let handles = result.record.handles
        guard !handles.isEmpty else { return [] }
        // The last block but one: coarse enough for meaning, fine enough for place.
        let features = ContentFeatures(
            model: model, result: result, seed: seed, copies: Self.copies,
            block: max(0, model.unet.blockFeatureCount - 2))
        let source = features.map(result.working)
        let before = features.map(result.reconstruction)
        let after = features.map(shown)
        return zip(handles, drags).map { handle, drag in
            let wanted = source.feature(at: handle.start)
            let similarity = (
                before: ContentFeatures.similarity(wanted, before.feature(at: handle.target)),
                after: ContentFeatures.similarity(wanted, after.feature(at: handle.target)),
                possible: ContentFeatures.similarity(wanted, before.feature(at: handle.start))
            )
            let rise =
                (similarity.after - similarity.before)
                / max(similarity.possible - similarity.before, Self.leastRise)
            let found = comparison.place(of: drag, in: result.record.grid.image)
            return Verdict.Movement(
                part: found.part, mismatch: found.mismatch, similarityBefore: similarity.before,
                similarityAfter: similarity.after, similarityPossible: similarity.possible,
                answer: Self.answer(part: found.part, rise: rise))
        }
    }

    /// - Parameter rise: of the similarity, as a part of what is possible.
    static func answer(part: Double, rise: Double) -> EditVerdict.Movement {
        if part >= 0.5 && rise >= 0.4 { return .moved }
        return part < 0.25 && rise < 0.25 ? .unchanged : .partly
    }
}

extension Comparison {
    /// Half the side of the patches around handle points, pixels of the small pictures.
    var patchRadius: Int { max(3, Int((7.0 / 128 * Double(size.longerSide)).rounded())) }

    /// Where the source's pixels around a handle point fit best in the result: searched in a strip along the drag, from a quarter
    /// of its length before the handle point to half of it beyond the target point.
    ///
    /// - Parameter image: the size that the drag's points refer to.
    /// - Returns: the place as a part of the drag (0 at the handle point, 1 at the target point), and the root mean square
    ///   difference there, the middle weighted most.
    func place(of drag: Drag, in image: Size) -> (part: Double, mismatch: Double) {
        let (from, to) = (
            drag.handle.scaled(from: image, to: size), drag.target.scaled(from: image, to: size)
        )
        let length = max(from.distance(to: to), 0.5)
        let way = (x: (to.x - from.x) / length, y: (to.y - from.y) / length)
        let radius = patchRadius
        let across = 4.0 / 128 * Double(size.longerSide)
        var best = (part: 0.0, cost: Double.infinity)
        for row in 0..<size.height {
            for column in 0..<size.width {
                let (x, y) = (Double(column) - from.x, Double(row) - from.y)
                let (along, aside) = (x * way.x + y * way.y, abs(y * way.x - x * way.y))
                guard along >= -0.25 * length, along <= 1.5 * length, aside <= across else { continue }
                let cost = mismatch(
                    (Int(from.y.rounded()), Int(from.x.rounded())), (row, column), radius: radius)
                // Of equal places the nearest to the handle point: plain content has not moved.
                if cost < best.cost - 1e-9 || cost < best.cost + 1e-9 && abs(along) < abs(best.part * length)
                {
                    best = (along / length, cost)
                }
            }
        }
        return (best.part, best.cost.isFinite ? best.cost.squareRoot() : 0)
    }

    /// The mean squared difference of the source's patch at `a` and the result's at `b`, weighted by a Gaussian.
    private func mismatch(_ a: (row: Int, column: Int), _ b: (row: Int, column: Int), radius: Int) -> Double {
        func index(_ row: Int, _ column: Int) -> Int {
            3 * (min(max(row, 0), size.height - 1) * size.width + min(max(column, 0), size.width - 1))
        }
        var (sum, weights) = (0.0, 0.0)
        source.withUnsafeValues { source in
            result.withUnsafeValues { result in
                for y in -radius...radius {
                    for x in -radius...radius {
                        let weight = exp(-2 * Double(x * x + y * y) / Double(radius * radius))
                        let (i, j) = (index(a.row + y, a.column + x), index(b.row + y, b.column + x))
                        for c in 0..<3 {
                            let difference = Double(source[i + c] - result[j + c])
                            sum += weight * difference * difference
                        }
                        weights += 3 * weight
                    }
                }
            }
        }
        return sum / weights
    }
}
