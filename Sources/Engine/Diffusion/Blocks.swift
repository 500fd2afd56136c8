import Failures
import TensorCore

/// A residual block, of the U-Net (with a time embedding) and of the VAE (without):
///
///     x ─┬─ norm1·SiLU ─ conv1 (+ time) ─ norm2·SiLU ─ conv2 ─(+)─ y
///        └─ shortcut (1×1, where the widths differ) ──────────┘
///
/// Checkpoint keys: `norm1 conv1 time_emb_proj norm2 conv2 conv_shortcut`.
struct ResnetBlock: Sendable {
    private let path: String
    private let norm1, norm2: GroupNorm
    private var conv1, conv2: ConvolutionParameters
    private var timeProjection: Linear?
    private var shortcut: ConvolutionParameters?
    private let recomputes: Bool

    /// - Parameter recomputes: whether a pass with gradients computes a large input of norm2 again instead of keeping it. Only
    ///   blocks without a time embedding can.
    init(
        _ weights: Weights, in input: Int, out output: Int, timeWidth: Int?, groups: Int, epsilon: Float,
        recomputes: Bool = false
    ) throws(Failure) {
        path = weights.path
        norm1 = try weights.groupNorm("norm1", channels: input, groups: groups, epsilon: epsilon, silu: true)
        conv1 = try weights.convolution("conv1", in: input, out: output)
        norm2 = try weights.groupNorm("norm2", channels: output, groups: groups, epsilon: epsilon, silu: true)
        conv2 = try weights.convolution("conv2", in: output, out: output)
        if let timeWidth {
            timeProjection = try weights.linear("time_emb_proj", in: timeWidth, out: output)
        } else {
            timeProjection = nil
        }
        shortcut =
            input == output
            ? nil : try weights.convolution("conv_shortcut", in: input, out: output, kernel: 1)
        self.recomputes = recomputes
    }

    /// - Parameters:
    ///   - x: `(n, h, w, in)`.
    ///   - time: the time embedding after SiLU, `(n, timeWidth)`.
    /// - Returns: `(n, h, w, out)`.
    func callAsFunction(_ x: Variable, time: Tensor? = nil) -> Variable {
        var sampleBias: Tensor?
        if let time, let timeProjection { sampleBias = timeProjection.forward([time]).output }
        // conv2's VJP reads no values, so nothing after norm2 is computed twice.
        let inner = { [norm1, norm2, conv1] (x: Variable) in
            apply(norm2, apply(Convolution(conv1, sampleBias: sampleBias), apply(norm1, x)))
        }
        let bytes = 4 * x.value.count / conv1.weight.shape[1] * conv1.weight.shape[0]
        let h = recomputes ? recomputed(x, saving: bytes, inner) : inner(x)
        let y = apply(Convolution(conv2), h)
        return apply(LinearCombination(1, 1), shortcut.map { apply(Convolution($0), x) } ?? x, y)
    }

    /// Visits the layers that a LoRA may change.
    mutating func forEachLayer(_ visit: LayerVisitor) {
        visit.convolution("\(path).conv1", &conv1)
        if var projection = timeProjection {
            visit.linear("\(path).time_emb_proj", &projection)
            timeProjection = projection
        }
        visit.convolution("\(path).conv2", &conv2)
        if var convolution = shortcut {
            visit.convolution("\(path).conv_shortcut", &convolution)
            shortcut = convolution
        }
    }
}

/// Doubles an image's sides (or makes them the given size) by nearest neighbours, then convolves.
struct Upsampler: Sendable {
    private let path: String
    private var convolution: ConvolutionParameters

    init(_ weights: Weights, channels: Int) throws(Failure) {
        path = weights.path
        convolution = try weights.convolution("conv", in: channels, out: channels)
    }

    func callAsFunction(_ x: Variable, height: Int, width: Int) -> Variable {
        apply(Convolution(convolution), apply(Resize(height: height, width: width, .nearest), x))
    }

    mutating func forEachLayer(_ visit: LayerVisitor) { visit.convolution("\(path).conv", &convolution) }
}
