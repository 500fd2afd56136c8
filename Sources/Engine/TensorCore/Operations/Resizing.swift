internal import CKernels

/// Resizes images `(n, h, w, c)`, one axis after the other.
///
///     forward   y = R_w(R_h(x)), each R a fixed linear map along its axis
///     VJP       dx = R_hᵀ(R_wᵀ(dy))
public struct Resize: Operation {
    /// How the values between pixels, or over several pixels, come about.
    public enum Method: Sendable {
        /// The nearest source pixel, index ⌊i·in/out⌋.
        case nearest
        /// Bilinear, `align_corners = false`, no antialiasing, computed as a + f·(b − a): equal neighbours give exactly
        /// equal values, on which the L1 losses and the tracking's ties rely.
        case bilinear
        /// The mean of bins ⌊i·in/out⌋ … ⌈(i+1)·in/out⌉.
        case area
        /// CLIP's input: for each axis `area` where the image is at least as large as the result, else `bilinear`.
        case areaOrBilinear
    }

    let height, width: Int
    let method: Method

    /// Resizes to `height`×`width`.
    public init(height: Int, width: Int, _ method: Method) {
        self.height = height
        self.width = width
        self.method = method
    }

    /// Size of the input.
    public struct Saved { var height, width: Int }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        precondition(x.shape.count == 4, "resize: \(x.shape) is no image batch")
        let (n, h, w, c) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
        let tall = AxisMap(method, from: h, to: height).forward(x, outer: n, inner: w * c)
        let y = AxisMap(method, from: w, to: width).forward(tall, outer: n * height, inner: c)
        return (y.reshaped([n, height, width, c]), Saved(height: h, width: w))
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        guard needs[0] else { return [nil] }
        let (n, c) = (dy.shape[0], dy.shape[3])
        let tall = AxisMap(method, from: saved.width, to: width).vjp(dy, outer: n * height, inner: c)
        let dx = AxisMap(method, from: saved.height, to: height).vjp(tall, outer: n, inner: saved.width * c)
        return [dx.reshaped([n, saved.height, saved.width, c])]
    }
}

/// One axis's linear map: either a mix of two source places, or the mean of a bin.
private struct AxisMap {
    private let from, to: Int
    /// For each output: two source places and the second's share; or the first of a bin and the one after its last.
    private let low, high: [Int32]
    private let fraction: [Float]?

    init(_ method: Resize.Method, from: Int, to: Int) {
        self.from = from
        self.to = to
        let isArea = method == .area || (method == .areaOrBilinear && from >= to)
        if isArea {
            low = (0..<to).map { Int32($0 * from / to) }
            high = (0..<to).map { Int32((($0 + 1) * from + to - 1) / to) }
            fraction = nil
        } else if method == .nearest {
            low = (0..<to).map { Int32($0 * from / to) }
            high = low
            fraction = Array(repeating: 0, count: to)
        } else {
            let at = (0..<to).map { max((Double($0) + 0.5) * Double(from) / Double(to) - 0.5, 0) }
            low = at.map { min(Int32($0), Int32(from - 1)) }
            high = low.map { min($0 + 1, Int32(from - 1)) }
            fraction = zip(at, low).map { Float($0 - Double($1)) }
        }
    }

    func forward(_ x: Tensor, outer: Int, inner: Int) -> Tensor {
        if from == to { return x }
        return Tensor([outer, to, inner]) { y in
            withExtendedLifetime(x) {
                if let fraction {
                    ck_resample_linear(
                        x.storage.base, y.baseAddress, outer, from, to, inner, low, high, fraction)
                } else {
                    ck_average_bins(x.storage.base, y.baseAddress, outer, from, to, inner, low, high)
                }
            }
        }
    }

    func vjp(_ dy: Tensor, outer: Int, inner: Int) -> Tensor {
        if from == to { return dy }
        return Tensor([outer, from, inner]) { dx in
            withExtendedLifetime(dy) {
                if let fraction {
                    ck_resample_linear_gradient(
                        dy.storage.base, dx.baseAddress, outer, from, to, inner, low, high, fraction)
                } else {
                    ck_average_bins_gradient(
                        dy.storage.base, dx.baseAddress, outer, from, to, inner, low, high)
                }
            }
        }
    }
}
