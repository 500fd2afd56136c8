/// The feed-forward part of a transformer block, with fixed weights, a few rows at a time: what lies between its layers is
/// eight times as wide as its input and never exists as a whole.
///
///     forward   y = W₂·(a⊙gelu(g)) + b₂   [a, g] = W₁·x + b₁     x, y (…, width)
///     VJP       dx = W₁ᵀ·geglu'(W₂ᵀ·dy)   [a, g] made again from x
public struct FeedForward: Operation {
    /// The two layers; a LoRA changes them.
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

    /// Rows whose inner values fit a cache; enough of them to be worth packing the weights.
    private static let rowsAtOnce = 2048

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let x = inputs[0].asRows
        let parts = chunks(rows: x.shape[0]).map { rows in
            narrowing.forward([GEGLU().forward([widened(x, rows)]).output]).output
        }
        return (Tensor.stacked(parts).reshaped(inputs[0].shape), Saved(x: inputs[0]))
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        guard needs[0] else { return [nil] }
        let (x, dy2) = (saved.x.asRows, dy.asRows)
        let (rows, width) = (x.shape[0], x.shape[1])
        let cotangents = dy2.shape[0] / rows
        return [
            Tensor(dy.shape) { dx in
                for chunk in chunks(rows: rows) {
                    let dy = Tensor.stacked(
                        (0..<cotangents).map {
                            dy2.samples($0 * rows + chunk.lowerBound..<$0 * rows + chunk.upperBound)
                        })
                    let inner = product(dy, narrowing.weight, pulledBack: true, bias: nil)
                    let wide = GEGLU().vjp(inner, saved: GEGLU.Saved(x: widened(x, chunk)), needs: [true])
                    guard let wide = wide[0] else { continue }
                    product(wide, widening.weight, pulledBack: true, bias: nil).withUnsafeValues { pulled in
                        for b in 0..<cotangents {
                            let from = pulled[b * chunk.count * width..<(b + 1) * chunk.count * width]
                            let start = (b * rows + chunk.lowerBound) * width
                            _ = UnsafeMutableBufferPointer(rebasing: dx[start..<start + from.count]).update(
                                from: from)
                        }
                    }
                }
            }
        ]
    }

    /// `[a, g]` of some rows.
    private func widened(_ x: Tensor, _ rows: Range<Int>) -> Tensor {
        widening.forward([x.samples(rows)]).output
    }

    private func chunks(rows: Int) -> [Range<Int>] {
        stride(from: 0, to: rows, by: Self.rowsAtOnce).map { $0..<min($0 + Self.rowsAtOnce, rows) }
    }
}

extension Tensor {
    /// `(…, width)` as `(rows, width)`.
    fileprivate var asRows: Tensor { reshaped([count / shape[shape.count - 1], shape[shape.count - 1]]) }
}
