import TensorCore

/// The part of eq. 5 that holds still what may not change: weight · Σ |change ⊙ (1 − M)|.
struct MaskTerm: Sendable {
    /// 1 where the latent may not change, `(1, h, w, channels)`.
    let frozen: Tensor
    let weight: Double

    /// - Parameters:
    ///   - mask: `h·w` values at the latent's size, true where editing is allowed.
    ///   - channels: of the latent.
    init(mask: [Bool], size: Size, channels: Int, weight: Double) {
        precondition(mask.count == size.height * size.width, "mask of \(mask.count) values for \(size)")
        frozen = Tensor(
            [1, size.height, size.width, channels],
            mask.flatMap { Array(repeating: $0 ? 0 : Float(1), count: channels) })
        self.weight = weight
    }

    /// The term's value, and its gradient to `current`.
    func loss(_ current: Tensor, initial: Tensor) -> (value: Double, gradient: Tensor) {
        var sum = 0.0
        let slope = Float(weight)
        let gradient = Tensor(current.shape) { out in
            current.withUnsafeValues { x in
                initial.withUnsafeValues { x0 in
                    frozen.withUnsafeValues { frozen in
                        for i in x.indices {
                            let change = (x[i] - x0[i]) * frozen[i]
                            sum += Double(abs(change))
                            out[i] = change > 0 ? slope : change < 0 ? -slope : 0
                        }
                    }
                }
            }
        }
        return (weight * sum, gradient)
    }
}
