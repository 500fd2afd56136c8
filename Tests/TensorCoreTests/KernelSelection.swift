import CKernels
import TensorCore

extension Kernels {
    /// Switches this thread to a vector code path; false when this CPU cannot run it.
    static func select(_ set: InstructionSet) -> Bool {
        ck_select_isa(ck_isa(rawValue: set.rawValue)) == 0
    }
}

extension ConvolutionParameters {
    /// A convolution of weights in f32.
    init(weight: Tensor, bias: Tensor?, stride: Int = 1, padding: Padding = .all(0)) {
        self.init(weight: StoredTensor(weight), bias: bias, stride: stride, padding: padding)
    }
}
