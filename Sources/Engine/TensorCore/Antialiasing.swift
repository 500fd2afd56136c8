internal import CKernels

extension Tensor {
    /// Resizes images `(n, h, w, c)` bilinearly with antialiasing. Each axis goes through a triangle filter of half-width
    /// max(1, in/out), with weights normalised at the borders (oracle/README.md, choice 5). At equal size it is the identity.
    public func resizedAntialiased(height: Int, width: Int) -> Tensor {
        precondition(shape.count == 4, "resize: \(shape) is no image batch")
        let (n, h, w, c) = (shape[0], shape[1], shape[2], shape[3])
        let tall = filtered(outer: n, from: h, to: height, inner: w * c)
        return tall.filtered(outer: n * height, from: w, to: width, inner: c).reshaped([n, height, width, c])
    }

    private func filtered(outer: Int, from: Int, to: Int, inner: Int) -> Tensor {
        if from == to { return self }
        let scale = Double(from) / Double(to)
        let support = max(1, scale)
        let taps = (0..<to).map { i -> (first: Int, weights: [Double]) in
            let centre = scale * (Double(i) + 0.5)
            let first = max(Int(centre - support + 0.5), 0)
            let last = min(Int(centre + support + 0.5), from)
            let weights = (first..<last).map { max(0, 1 - abs((Double($0) - centre + 0.5) / support)) }
            let total = weights.reduce(0, +)
            return (first, weights.map { $0 / total })
        }
        let width = taps.map(\.weights.count).max() ?? 1
        let weights = taps.flatMap { tap in
            tap.weights.map { Float($0) } + Array(repeating: 0, count: width - tap.weights.count)
        }
        return Tensor([outer, to, inner]) { y in
            withExtendedLifetime(self) {
                ck_resample_weighted(
                    storage.base, y.baseAddress, outer, from, to, inner, taps.map { Int32($0.first) },
                    taps.map { Int32($0.weights.count) }, weights, width)
            }
        }
    }
}
