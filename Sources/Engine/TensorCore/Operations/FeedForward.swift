/// The feed-forward part of a transformer block, with fixed weights. It works on a few rows at a time, because the values
/// between its layers are eight times as wide as its input.
///
///     forward   y = W₂·(a⊙gelu(g)) + b₂   [a, g] = W₁·x + b₁     x, y (…, width)
///     VJP       dx = W₁ᵀ·geglu'(W₂ᵀ·dy)   [a, g] computed again from x
public struct FeedForward: Operation {
    /// The two layers. A LoRA may change them.
    public var widening, narrowing: Linear

    /// - Parameters:
    ///   - widening: to twice the inner width.
    ///   - narrowing: from the inner width.
    public init(widening: Linear, narrowing: Linear) {
        self.widening = widening
        self.narrowing = narrowing
    }

    /// The input.
    public struct Saved { var x: Tensor }

    /// Few enough for small inner values, many enough to be worth packing the weights.
    private static let rowsAtOnce = 2048

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        let y = Tensor(x.shape.dropLast() + [narrowing.weight.shape[0]]) { y in
            for rows in chunks(x) {
                let inner = GEGLU().forward([widened(x, rows)]).output
                product(
                    inner, 0..<rows.count, narrowing.weight, transposed: false, bias: narrowing.bias, into: y,
                    at: rows.lowerBound)
            }
        }
        return (y, Saved(x: x))
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        guard needs[0] else { return [nil] }
        let x = saved.x
        let rows = x.count / widening.weight.shape[1]
        let cotangents = dy.count / (rows * narrowing.weight.shape[0])
        return [
            Tensor([cotangents * x.shape[0]] + x.shape.dropFirst()) { dx in
                for chunk in chunks(x) {
                    let wide = widened(x, chunk)
                    for start in (0..<cotangents).map({ $0 * rows + chunk.lowerBound }) {
                        let dInner = Tensor([chunk.count, narrowing.weight.shape[1]]) {
                            product(
                                dy, start..<start + chunk.count, narrowing.weight, transposed: true,
                                bias: nil,
                                into: $0, at: 0)
                        }
                        guard let dWide = GEGLU().vjp(dInner, saved: .init(x: wide), needs: [true])[0]
                        else { continue }
                        product(
                            dWide, 0..<chunk.count, widening.weight, transposed: true, bias: nil, into: dx,
                            at: start)
                    }
                }
            }
        ]
    }

    /// `[a, g]` of some rows.
    private func widened(_ x: Tensor, _ rows: Range<Int>) -> Tensor {
        Tensor([rows.count, widening.weight.shape[0]]) {
            product(x, rows, widening.weight, transposed: false, bias: widening.bias, into: $0, at: 0)
        }
    }

    private func chunks(_ x: Tensor) -> [Range<Int>] {
        let rows = x.count / widening.weight.shape[1]
        return stride(from: 0, to: rows, by: Self.rowsAtOnce).map { $0..<min($0 + Self.rowsAtOnce, rows) }
    }
}
