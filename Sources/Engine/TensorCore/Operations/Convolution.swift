internal import CKernels
import Synchronization

/// A 2-D convolution with fixed weights.
///
///     forward   y = Σ_taps x(shifted)·W + b        x (n, h, w, in)   y (n, h', w', out)
///     VJP       dx = Σ_taps dy(shifted)·Wᵀ         a convolution with the flipped kernel; for a stride above 1, of
///                                                  dy spread out with zeros in between
public struct Convolution: Operation {
    /// Weights and geometry; shared by all calls.
    public let parameters: ConvolutionParameters
    /// Added to the bias of each sample, `(n, out)`: the U-Net's time embedding. No gradient flows into it.
    public let sampleBias: Tensor?

    /// A convolution of the given weights.
    public init(_ parameters: ConvolutionParameters, sampleBias: Tensor? = nil) {
        self.parameters = parameters
        self.sampleBias = sampleBias
    }

    /// The input, for its shape alone.
    public struct Saved { var inputShape: [Int] }

    public func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        let geometry = parameters.geometry(input: x.shape)
        let bias = biasRows(samples: x.shape[0])
        let y = convolve(
            x, parameters.weight, bias: bias, perSample: sampleBias != nil, geometry,
            outputShape: parameters.outputShape(input: x.shape))
        return (y, Saved(inputShape: x.shape))
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        guard needs[0] else { return [nil] }
        var shape = saved.inputShape
        shape[0] = dy.shape[0]
        if parameters.isPatchwise { return [patchwisePullBack(dy, inputShape: shape)] }
        let geometry = parameters.inputGradientGeometry(input: shape, output: dy.shape)
        return [
            convolve(dy, parameters.flippedWeight, bias: nil, perSample: false, geometry, outputShape: shape)
        ]
    }

    /// Patches that do not overlap are pulled back each by itself: dpatch = dy·Wᵀ.
    private func patchwisePullBack(_ dy: Tensor, inputShape: [Int]) -> Tensor {
        let weight = parameters.weight
        let (kh, kw, width) = (weight.shape[0], weight.shape[1], parameters.channelsIn)
        let (rows, columns) = (dy.shape[1], dy.shape[2])
        let patch = kh * kw * width
        let patches = Tensor([dy.shape[0] * rows * columns, patch]) { out in
            withExtendedLifetime((dy, weight)) {
                ck_gemm(
                    0, 1, dy.count / parameters.channelsOut, patch, parameters.channelsOut, 1,
                    dy.storage.base,
                    parameters.channelsOut, weight.storage.base, parameters.channelsOut, 0, out.baseAddress,
                    patch)
            }
        }
        return Tensor(inputShape) { dx in
            dx.update(repeating: 0)
            for row in 0..<dy.shape[0] * rows {
                for y in 0..<kh {
                    let line = row / rows * inputShape[1] + row % rows * kh + y
                    ck_copy_rows(
                        patches.storage.base + row * columns * patch + y * kw * width, patch,
                        dx.baseAddress.map { $0 + line * inputShape[2] * width }, kw * width, columns,
                        kw * width)
                }
            }
            withExtendedLifetime(patches) {}
        }
    }

    /// Pull-back to the weights `(kh, kw, in, out)` and the bias `(out)`, for a single cotangent.
    public func parameterVJP(_ dy: Tensor, input x: Tensor) -> (weight: Tensor, bias: Tensor) {
        let geometry = parameters.geometry(input: x.shape)
        let weight = Tensor(parameters.weight.shape) { out in
            withExtendedLifetime((x, dy)) {
                withUnsafePointer(to: geometry) {
                    ck_convolve_weight_gradient($0, x.storage.base, dy.storage.base, out.baseAddress)
                }
            }
        }
        return (weight, dy.summedRows(width: parameters.channelsOut))
    }

    private func biasRows(samples: Int) -> Tensor? {
        guard let sampleBias else { return parameters.bias }
        precondition(
            sampleBias.shape == [samples, parameters.channelsOut], "sample bias \(sampleBias.shape)")
        guard let bias = parameters.bias else { return sampleBias }
        return Tensor.stacked(Array(repeating: bias.reshaped([1, bias.count]), count: samples)) + sampleBias
    }

    private func convolve(
        _ x: Tensor, _ weight: Tensor, bias: Tensor?, perSample: Bool, _ geometry: ck_convolution,
        outputShape: [Int]
    ) -> Tensor {
        Tensor(outputShape) { y in
            withExtendedLifetime((x, weight, bias)) {
                withUnsafePointer(to: geometry) {
                    ck_convolve(
                        $0, x.storage.base, weight.storage.base, bias?.storage.base, perSample ? 1 : 0,
                        y.baseAddress)
                }
            }
        }
    }
}

/// Weights and geometry of a convolution.
public struct ConvolutionParameters: Sendable {
    /// Zeros added around the input.
    public struct Padding: Sendable, Equatable {
        var top, left, bottom, right: Int

        /// The same on all sides.
        public static func all(_ n: Int) -> Padding { Padding(top: n, left: n, bottom: n, right: n) }
        /// Below and to the right only: the VAE's downsampling.
        public static let bottomRight = Padding(top: 0, left: 0, bottom: 1, right: 1)
    }

    /// `(kernel height, kernel width, in, out)`.
    public let weight: Tensor
    /// `(out)`.
    public let bias: Tensor?
    let stride: Int
    let padding: Padding
    private let flipped: FlippedWeight

    /// - Parameters:
    ///   - weight: as checkpoints store it, `(out, in, kernel height, kernel width)`.
    ///   - bias: `(out)`.
    public init(weight: Tensor, bias: Tensor?, stride: Int = 1, padding: Padding = .all(0)) {
        precondition(weight.shape.count == 4, "convolution weight \(weight.shape)")
        let s = weight.shape
        let taps = s[2] * s[3]
        self.weight = Tensor([s[2], s[3], s[1], s[0]]) { to in
            weight.withUnsafeValues { from in
                for o in 0..<s[0] {
                    for i in 0..<s[1] {
                        for t in 0..<taps { to[(t * s[1] + i) * s[0] + o] = from[(o * s[1] + i) * taps + t] }
                    }
                }
            }
        }
        self.bias = bias
        self.stride = stride
        self.padding = padding
        flipped = FlippedWeight(of: self.weight)
    }

    /// Whether the kernel's places neither overlap nor are padded: a vision transformer's patches.
    var isPatchwise: Bool {
        stride > 1 && stride == weight.shape[0] && stride == weight.shape[1] && padding == .all(0)
    }

    var channelsIn: Int { weight.shape[2] }
    var channelsOut: Int { weight.shape[3] }
    var flippedWeight: Tensor { flipped.value }

    func outputShape(input: [Int]) -> [Int] {
        precondition(
            input.count == 4 && input[3] == channelsIn,
            "convolution: input \(input) does not match kernel \(weight.shape)")
        let height = (input[1] + padding.top + padding.bottom - weight.shape[0]) / stride + 1
        let width = (input[2] + padding.left + padding.right - weight.shape[1]) / stride + 1
        return [input[0], height, width, channelsOut]
    }

    func geometry(input: [Int]) -> ck_convolution {
        let output = outputShape(input: input)
        return ck_convolution(
            samples: input[0], height: input[1], width: input[2], channels_in: channelsIn,
            out_height: output[1], out_width: output[2], channels_out: channelsOut,
            kernel_height: weight.shape[0], kernel_width: weight.shape[1], stride: stride, dilation_in: 1,
            pad_top: padding.top, pad_left: padding.left)
    }

    /// The convolution that carries a cotangent of the output to the input.
    func inputGradientGeometry(input: [Int], output: [Int]) -> ck_convolution {
        ck_convolution(
            samples: output[0], height: output[1], width: output[2], channels_in: channelsOut,
            out_height: input[1], out_width: input[2], channels_out: channelsIn,
            kernel_height: weight.shape[0], kernel_width: weight.shape[1], stride: 1, dilation_in: stride,
            pad_top: weight.shape[0] - 1 - padding.top, pad_left: weight.shape[1] - 1 - padding.left)
    }
}

/// The kernel turned by 180° with in and out exchanged, `(kh, kw, out, in)`; made when a gradient first needs it.
private final class FlippedWeight: Sendable {
    private let original: Tensor
    private let made = Mutex<Tensor?>(nil)

    init(of original: Tensor) { self.original = original }

    var value: Tensor {
        made.withLock { made in
            let result = made ?? flip()
            made = result
            return result
        }
    }

    private func flip() -> Tensor {
        let s = original.shape
        let taps = s[0] * s[1]
        return Tensor([s[0], s[1], s[3], s[2]]) { to in
            original.withUnsafeValues { from in
                for t in 0..<taps {
                    for i in 0..<s[2] {
                        for o in 0..<s[3] {
                            to[((taps - 1 - t) * s[3] + o) * s[2] + i] = from[(t * s[2] + i) * s[3] + o]
                        }
                    }
                }
            }
        }
    }
}
