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
        (product(inputs[0], weight, transposed: false, bias: bias), Saved())
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        [needs[0] ? product(dy, weight, transposed: true, bias: nil) : nil]
    }
}

/// A linear layer with fixed weights and a trainable change of low rank: a LoRA.
///
///     forward   y = x·Vᵀ + b,  V = W + s·U·D      x (…, in)   D (rank, in)   U (out, rank)   y (…, out)
///     VJP       dx = dy·V    dU = s·dyᵀ·(x·Dᵀ)    dD = s·(dy·U)ᵀ·x
///
/// It never stores V. It computes x·Dᵀ, a product of few columns, only for a gradient.
public struct AdaptedLinear: Operation {
    let base: Linear
    let scale: Float

    /// A layer whose inputs are x, D and U.
    public init(_ base: Linear, scale: Float) {
        self.base = base
        self.scale = scale
    }

    /// All three inputs.
    public struct Saved { var x, down, up: Tensor }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let saved = Saved(x: inputs[0], down: inputs[1], up: inputs[2])
        return (product(saved.x, adapted(saved), transposed: false, bias: base.bias), saved)
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        let dx = needs[0] ? product(dy, adapted(saved), transposed: true, bias: nil) : nil
        guard needs[1] || needs[2] else { return [dx, nil, nil] }
        let rows = saved.x.count / base.weight.shape[1]
        let low = product(saved.x, StoredTensor(saved.down), transposed: false, bias: nil)
        let dLow = product(dy, StoredTensor(saved.up), transposed: true, bias: nil)
        func perCotangent(_ dy: Tensor, _ x: Tensor, width: Int) -> Tensor {
            let flat = dy.reshaped([dy.count / (rows * width), rows * width])
            return scale
                * .stacked((0..<flat.shape[0]).map { weightGradient(flat.sample($0), x, rows: rows) })
        }
        return [
            dx, needs[1] ? perCotangent(dLow, saved.x, width: saved.down.shape[0]) : nil,
            needs[2] ? perCotangent(dy, low, width: saved.up.shape[0]) : nil,
        ]
    }

    private func adapted(_ saved: Saved) -> StoredTensor {
        base.weight.adding(up: scale * saved.up, down: saved.down.transposed)
    }
}

/// `(…, in)` → `(…, out)` by a weight `(out, in)`; transposed: `(…, out)` → `(…, in)`.
func product(_ x: Tensor, _ weight: StoredTensor, transposed: Bool, bias: Tensor?) -> Tensor {
    let (from, to) = transposed ? (weight.shape[0], weight.shape[1]) : (weight.shape[1], weight.shape[0])
    precondition(x.shape.last == from, "linear: \(x.shape) does not match \(weight.shape)")
    return Tensor(x.shape.dropLast() + [to]) { y in
        product(x, 0..<x.count / from, weight, transposed: transposed, bias: bias, into: y, at: 0)
    }
}

/// The same for some rows of `x`; it writes the results from row `start` of `y` on.
func product(
    _ x: Tensor, _ rows: Range<Int>, _ weight: StoredTensor, transposed: Bool, bias: Tensor?,
    into y: UnsafeMutableBufferPointer<Float>, at start: Int
) {
    let (from, to) = transposed ? (weight.shape[0], weight.shape[1]) : (weight.shape[1], weight.shape[0])
    precondition(
        rows.upperBound * from <= x.count && (start + rows.count) * to <= y.count,
        "rows \(rows) of \(x.shape) from row \(start) on")
    withExtendedLifetime((x, bias)) {
        weight.withKernelWeight {
            ck_linear(
                x.storage.base + rows.lowerBound * from, $0, transposed ? 1 : 0, bias?.storage.base,
                y.baseAddress.map { $0 + start * to }, rows.count, from, to)
        }
    }
}

/// `dyᵀ·x` over `rows` rows: `(out, in)`.
func weightGradient(_ dy: Tensor, _ x: Tensor, rows: Int) -> Tensor {
    let (out, width) = (dy.count / rows, x.count / rows)
    return Tensor([out, width]) { result in
        withExtendedLifetime((dy, x)) {
            ck_gemm(
                1, 0, out, width, rows, 1, dy.storage.base, out, x.storage.base, width, 0, result.baseAddress,
                width)
        }
    }
}
