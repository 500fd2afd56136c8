import Foundation
import TensorCore

/// What an edit prompt leaves of the drags (docs/algorithm.md section 4; ours). A text that opens a mouth may have moved its corner to
/// the target already: a stretch by the whole drag would move it twice.
struct GuidedDrags {
    /// Where the content of each handle is in the guided picture, in the drags' unit.
    let starts: [ImagePoint]
    /// The drags from there.
    let rest: [Drag]

    /// - Parameters:
    ///   - plain: the picture without the edit prompt, `(1, h, w, 3)` in [0, 1].
    ///   - guided: the picture under the edit prompt, of the same shape; neither is stretched.
    ///   - image: the size that the drags' points refer to.
    init(_ drags: [Drag], from plain: Tensor, to guided: Tensor, in image: Size) {
        let size = Size(height: plain.shape[1], width: plain.shape[2])
        let everywhere = EditMask(size: size, values: Array(repeating: true, count: size.height * size.width))
        let comparison = Comparison(source: plain, result: guided, region: everywhere)
        starts = drags.map { drag in
            let part = comparison.advance(of: drag, in: image)
            return ImagePoint(
                x: drag.handle.x + part * (drag.target.x - drag.handle.x),
                y: drag.handle.y + part * (drag.target.y - drag.handle.y))
        }
        rest = zip(drags, starts).map { Drag(from: $1, to: $0.target, regions: $0.regions) }
    }
}

extension Comparison {
    /// Correlation below which two patches do not show the same content.
    private static let leastCorrelation = 0.5

    /// How far along its drag the content around a handle point is in the result, as a part of the drag, 0…1: where the patch's
    /// brightness correlates best with the source's at the handle point, because a text may change colours. Where no patch is like the
    /// source's the content counts as unmoved. What the source has along the drag of the same kind, such as the other eye, is not it.
    ///
    /// - Parameter image: the size that the drag's points refer to.
    func advance(of drag: Drag, in image: Size) -> Double {
        let (from, to) = (
            drag.handle.scaled(from: image, to: size), drag.target.scaled(from: image, to: size)
        )
        let halfPixels = max(1, Int((2 * from.distance(to: to)).rounded(.up)))
        let wanted = patch(of: source, around: from)
        var best = (part: 0.0, correlation: Self.leastCorrelation)
        var hasLeft = false
        for n in 0...halfPixels {
            let part = Double(n) / Double(halfPixels)
            let place = ImagePoint(x: from.x + part * (to.x - from.x), y: from.y + part * (to.y - from.y))
            let isLikeBefore = correlation(wanted, patch(of: source, around: place)) > Self.leastCorrelation
            hasLeft = hasLeft || !isLikeBefore
            if hasLeft && isLikeBefore { continue }
            let correlation = correlation(wanted, patch(of: result, around: place))
            if correlation > best.correlation { best = (part, correlation) }
        }
        return best.part
    }

    /// The pixels around a point; beyond the border the border's.
    private func patch(of picture: Tensor, around middle: ImagePoint) -> Tensor {
        let last = SIMD2(Float(size.height - 1), Float(size.width - 1))
        let side = Size(height: 2 * patchRadius + 1, width: 2 * patchRadius + 1)
        let places = patchOffsets.map { offset in
            (SIMD2(Float(middle.y), Float(middle.x)) + offset).clamped(lowerBound: .zero, upperBound: last)
        }
        return picture.sampled(at: places, size: side)
    }

    /// From a patch's middle to its pixels: (rows, columns), row by row.
    private var patchOffsets: [SIMD2<Float>] {
        let reach = -patchRadius...patchRadius
        return reach.flatMap { y in reach.map { x in SIMD2(Float(y), Float(x)) } }
    }

    /// The correlation of two patches' brightness, −1…1, weighted by a Gaussian; 0 where one is plain.
    private func correlation(_ a: Tensor, _ b: Tensor) -> Double {
        let weights = patchOffsets.map { offset in
            exp(-2 * Double((offset * offset).sum()) / Double(patchRadius * patchRadius))
        }
        func centred(_ patch: Tensor) -> [Double] {
            let values = patch.values
            let brightness = weights.indices.map { Double(values[3 * $0..<3 * $0 + 3].reduce(0, +)) }
            let mean = zip(weights, brightness).reduce(0) { $0 + $1.0 * $1.1 } / weights.reduce(0, +)
            return brightness.map { $0 - mean }
        }
        func product(_ a: [Double], _ b: [Double]) -> Double {
            zip(weights, zip(a, b)).reduce(0) { $0 + $1.0 * $1.1.0 * $1.1.1 }
        }
        let (first, second) = (centred(a), centred(b))
        let spread = (product(first, first) * product(second, second)).squareRoot()
        return spread > 1e-9 ? product(first, second) / spread : 0
    }
}
