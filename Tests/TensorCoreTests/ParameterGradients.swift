import CKernels
import KernelReferences

@testable import TensorCore

/// Pull-backs to parameters that the program never trains: only the checks against PyTorch ask for them.
extension Linear {
    /// Pull-back to the weights `(out, in)` and the bias `(out)`, for a single cotangent.
    func parameterVJP(_ dy: Tensor, input x: Tensor) -> (weight: Tensor, bias: Tensor) {
        (weightGradient(dy, x, rows: dy.count / weight.shape[0]), dy.summedRows(width: weight.shape[0]))
    }
}

extension Convolution {
    /// Pull-back to the weights `(out, in, kh, kw)` and the bias `(out)`, for a single cotangent.
    func parameterVJP(_ dy: Tensor, input x: Tensor) -> (weight: Tensor, bias: Tensor) {
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
}

extension GroupNorm {
    /// Pull-back to γ and β, for a single cotangent.
    func parameterVJP(_ dy: Tensor, saved: Saved) -> (gamma: Tensor, beta: Tensor) {
        let (dGamma, dBeta) = (TensorStorage(count: gamma.count), TensorStorage(count: gamma.count))
        _ = pullBack(dy, saved, dGamma.base, dBeta.base)
        return (Tensor(shape: gamma.shape, storage: dGamma), Tensor(shape: gamma.shape, storage: dBeta))
    }
}

extension LayerNorm {
    /// Pull-back to γ and β, for a single cotangent.
    func parameterVJP(_ dy: Tensor, saved: Saved) -> (gamma: Tensor, beta: Tensor) {
        let (dGamma, dBeta) = (TensorStorage(count: gamma.count), TensorStorage(count: gamma.count))
        _ = pullBack(dy, saved, dGamma.base, dBeta.base)
        return (Tensor(shape: gamma.shape, storage: dGamma), Tensor(shape: gamma.shape, storage: dBeta))
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
