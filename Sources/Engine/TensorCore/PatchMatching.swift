internal import CKernels

/// Where patches of one picture lie in another.
public struct PatchMatches: Sendable {
    /// The mean squared difference of samples between a patch and the one most like it, and what the way costs.
    public var costs: [Float]
    /// The middle of the patch most like it, row · width + column.
    public var places: [Int]
}

extension Tensor {
    /// The place in another picture that looks most like each of some places in this one.
    ///
    /// - Parameters:
    ///   - other: of this picture's shape, `(1, h, w, 3)`.
    ///   - centres: middles of patches, row · width + column.
    ///   - radius: pixels to either side of a patch's middle.
    ///   - reach: rows and columns that a patch may lie away.
    ///   - costPerPixel: what a pixel of the way costs, as a squared difference: equal patches keep their place.
    public func patchMatches(
        in other: Tensor, centres: [Int], radius: Int = 2, reach: Int, costPerPixel: Float = 2e-6
    ) -> PatchMatches {
        precondition(shape == other.shape && shape.count == 4 && shape[0] == 1 && shape[3] == 3)
        var costs = [Float](repeating: 0, count: centres.count)
        var places = [Int32](repeating: 0, count: centres.count)
        withUnsafeValues { a in
            other.withUnsafeValues { b in
                ck_match_patches(
                    a.baseAddress, b.baseAddress, Int32(shape[1]), Int32(shape[2]), centres.map { Int32($0) },
                    centres.count, Int32(radius), Int32(reach), costPerPixel, &costs, &places)
            }
        }
        return PatchMatches(costs: costs, places: places.map { Int($0) })
    }
}
