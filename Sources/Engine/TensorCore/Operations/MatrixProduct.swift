internal import CKernels

/// A linear layer with fixed weights.
///
///     forward   y = x·Wᵀ + b     x (…, in)   W (out, in)   y (…, out)
///     VJP       dx = dy·W
public struct Linear: Operation {
    /// `(out, in)`, as checkpoints store it.
    public let weight: StoredTensor
    /// `(out)`.
    public let bias: Tensor?

    /// A linear layer of the given weights.
    public init(weight: StoredTensor, bias: Tensor?) {
        precondition(weight.shape.count == 2, "linear weight \(weight.shape)")
        self.weight = weight
        self.bias = bias
    }

    /// A linear layer of the given weights, in f32.
    public init(weight: Tensor, bias: Tensor?) { self.init(weight: StoredTensor(weight), bias: bias) }

    /// The VJP reads nothing of the forward pass.
    public struct Saved {}

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        (product(inputs[0], weight, pulledBack: false, bias: bias), Saved())
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        [needs[0] ? product(dy, weight, pulledBack: true, bias: nil) : nil]
    }

    /// Pull-back to the weights `(out, in)` and the bias `(out)`, for a single cotangent.
    public func parameterVJP(_ dy: Tensor, input x: Tensor) -> (weight: Tensor, bias: Tensor) {
        (weightGradient(dy, x, rows: dy.count / weight.shape[0]), dy.summedRows(width: weight.shape[0]))
    }
}

/// A product with a weight that itself may be trained: the two halves of a LoRA.
///
///     forward   y = x·Wᵀ                      x (…, in)   W (out, in)   y (…, out)
///     VJP       dx = dy·W    dW = dyᵀ·x
public struct MatrixProduct: Operation {
    /// A product; it has no settings.
    public init() {}

    /// Both factors.
    public struct Saved { var x, w: Tensor }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let (y, _) = Linear(weight: inputs[1], bias: nil).forward([inputs[0]])
        return (y, Saved(x: inputs[0], w: inputs[1]))
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        let rows = saved.x.count / saved.w.shape[1]
        let cotangents = dy.count / (rows * saved.w.shape[0])
        let dx = needs[0] ? product(dy, StoredTensor(saved.w), pulledBack: true, bias: nil) : nil
        guard needs[1] else { return [dx, nil] }
        let flat = dy.reshaped([cotangents, rows * saved.w.shape[0]])
        let dw = (0..<cotangents).map { weightGradient(flat.sample($0), saved.x, rows: rows) }
        return [dx, cotangents == 1 ? dw[0] : Tensor.stacked(dw)]
    }
}

/// `(…, in)` → `(…, out)` by a weight `(out, in)`; pulled back: `(…, out)` → `(…, in)`.
func product(_ x: Tensor, _ weight: StoredTensor, pulledBack: Bool, bias: Tensor?) -> Tensor {
    let (from, to) = pulledBack ? (weight.shape[0], weight.shape[1]) : (weight.shape[1], weight.shape[0])
    precondition(x.shape.last == from, "linear: \(x.shape) does not match \(weight.shape)")
    return Tensor(x.shape.dropLast() + [to]) { y in
        withExtendedLifetime((x, bias)) {
            weight.withKernelWeight {
                ck_linear(
                    x.storage.base, $0, pulledBack ? 1 : 0, bias?.storage.base, y.baseAddress, x.count / from,
                    from, to)
            }
        }
    }
}

/// `dyᵀ·x` over `rows` rows: `(out, in)`.
private func weightGradient(_ dy: Tensor, _ x: Tensor, rows: Int) -> Tensor {
    let (out, width) = (dy.count / rows, x.count / rows)
    return Tensor([out, width]) { result in
        withExtendedLifetime((dy, x)) {
            ck_gemm(
                1, 0, out, width, rows, 1, dy.storage.base, out, x.storage.base, width, 0, result.baseAddress,
                width)
        }
    }
}

extension Tensor {
    /// The sum over all rows of `width` values: the pull-back to a bias.
    func summedRows(width: Int) -> Tensor {
        Tensor([width]) { out in
            withUnsafeValues { x in
                for c in 0..<width {
                    var sum = 0.0
                    for r in 0..<x.count / width { sum += Double(x[r * width + c]) }
                    out[c] = Float(sum)
                }
            }
        }
    }
}
