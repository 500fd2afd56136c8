internal import CKernels

/// A 2-D convolution with fixed weights.
///
///     forward   y = Σ_taps x(shifted)·W + b        x (n, h, w, in)   y (n, h', w', out)
///     VJP       dx = Σ_taps dy(shifted)·Wᵀ         a convolution with the flipped kernel; for a stride above 1, of
///                                                  dy spread out with zeros in between
public struct Convolution: Operation {
    /// Weights and geometry; shared by all calls.
    public let parameters: ConvolutionParameters
    /// An addition to the bias of each sample, `(n, out)`: the U-Net's time embedding. No gradient flows into it.
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
        let y = convolve(
            x, parameters.geometry(input: x.shape), bias: biasRows(samples: x.shape[0]),
            outputShape: parameters.outputShape(input: x.shape))
        return (y, Saved(inputShape: x.shape))
    }

    public func vjp(_ dy: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?] {
        guard needs[0] else { return [nil] }
        let shape = [dy.shape[0]] + saved.inputShape.dropFirst()
        if parameters.isPatchwise { return [patchwisePullBack(dy, inputShape: shape)] }
        let geometry = parameters.inputGradientGeometry(input: shape, output: dy.shape)
        return [convolve(dy, geometry, bias: nil, outputShape: shape)]
    }

    /// The VJP of patches that do not overlap: for each patch, dpatch = dy·W, `(in, kh, kw)`.
    private func patchwisePullBack(_ dy: Tensor, inputShape: [Int]) -> Tensor {
        let (kh, kw, width) = (parameters.kernel.height, parameters.kernel.width, parameters.channelsIn)
        let flat = parameters.weight.reshaped([parameters.channelsOut, width * kh * kw])
        let patches = product(dy, flat, transposed: true, bias: nil)
        let (rows, columns) = (dy.shape[1], dy.shape[2])
        return Tensor(inputShape) { dx in
            dx.update(repeating: 0)
            patches.withUnsafeValues { from in
                for patch in 0..<dy.shape[0] * rows * columns {
                    let (line, column) = (patch / columns, patch % columns)
                    let top = line / rows * inputShape[1] + line % rows * kh
                    for y in 0..<kh {
                        for x in 0..<kw {
                            let to = ((top + y) * inputShape[2] + column * kw + x) * width
                            for c in 0..<width { dx[to + c] = from[((patch * width + c) * kh + y) * kw + x] }
                        }
                    }
                }
            }
        }
    }

    private func biasRows(samples: Int) -> Tensor? {
        guard let sampleBias else { return parameters.bias }
        precondition(
            sampleBias.shape == [samples, parameters.channelsOut], "sample bias \(sampleBias.shape)")
        guard let bias = parameters.bias else { return sampleBias }
        return Tensor.stacked(Array(repeating: bias.reshaped([1, bias.count]), count: samples)) + sampleBias
    }

    /// `bias`: `(1, out)` for all samples, or a row for each.
    private func convolve(_ x: Tensor, _ geometry: ck_convolution, bias: Tensor?, outputShape: [Int])
        -> Tensor
    {
        Tensor(outputShape) { y in
            withExtendedLifetime((x, bias)) {
                parameters.weight.withKernelWeight { weight in
                    withUnsafePointer(to: geometry) {
                        ck_convolve(
                            $0, x.storage.base, weight, bias?.storage.base, sampleBias != nil ? 1 : 0,
                            y.baseAddress)
                    }
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
        /// Only below and to the right: the VAE's downsampling.
        public static let bottomRight = Padding(top: 0, left: 0, bottom: 1, right: 1)
    }

    /// `(out, in, kernel height, kernel width)`, as checkpoints store it.
    public let weight: StoredTensor
    /// `(out)`.
    public let bias: Tensor?
    let stride: Int
    let padding: Padding

    /// - Parameters:
    ///   - weight: `(out, in, kernel height, kernel width)`.
    ///   - bias: `(out)`.
    public init(weight: StoredTensor, bias: Tensor?, stride: Int = 1, padding: Padding = .all(0)) {
        precondition(weight.shape.count == 4, "convolution weight \(weight.shape)")
        self.weight = weight
        self.bias = bias
        self.stride = stride
        self.padding = padding
    }

    /// The same convolution with other weights of the same shape.
    public func replacing(weight: StoredTensor) -> ConvolutionParameters {
        precondition(weight.shape == self.weight.shape, "\(weight.shape) for \(self.weight.shape)")
        return ConvolutionParameters(weight: weight, bias: bias, stride: stride, padding: padding)
    }

    /// Whether the kernel's positions do not overlap and have no padding: a vision transformer's patches.
    var isPatchwise: Bool {
        stride > 1 && stride == kernel.height && stride == kernel.width && padding == .all(0)
    }

    var kernel: (height: Int, width: Int) { (weight.shape[2], weight.shape[3]) }
    var channelsIn: Int { weight.shape[1] }
    var channelsOut: Int { weight.shape[0] }

    func outputShape(input: [Int]) -> [Int] {
        precondition(
            input.count == 4 && input[3] == channelsIn,
            "convolution: input \(input) does not match kernel \(weight.shape)")
        let height = (input[1] + padding.top + padding.bottom - kernel.height) / stride + 1
        let width = (input[2] + padding.left + padding.right - kernel.width) / stride + 1
        return [input[0], height, width, channelsOut]
    }

    func geometry(input: [Int]) -> ck_convolution {
        let output = outputShape(input: input)
        return ck_convolution(
            samples: input[0], height: input[1], width: input[2], channels_in: channelsIn,
            out_height: output[1], out_width: output[2], channels_out: channelsOut,
            kernel_height: kernel.height, kernel_width: kernel.width, stride: stride, dilation_in: 1,
            pad_top: padding.top, pad_left: padding.left, transposed: 0)
    }

    /// The convolution that pulls a cotangent of the output back to the input.
    func inputGradientGeometry(input: [Int], output: [Int]) -> ck_convolution {
        ck_convolution(
            samples: output[0], height: output[1], width: output[2], channels_in: channelsOut,
            out_height: input[1], out_width: input[2], channels_out: channelsIn,
            kernel_height: kernel.height, kernel_width: kernel.width, stride: 1, dilation_in: stride,
            pad_top: kernel.height - 1 - padding.top, pad_left: kernel.width - 1 - padding.left,
            transposed: 1)
    }
}
