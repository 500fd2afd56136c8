import TensorCore

extension Tensor {
    /// The value of a tensor that has exactly one.
    public var scalar: Float {
        precondition(count == 1, "a tensor of shape \(shape) is no scalar")
        return withUnsafeValues { $0[0] }
    }
}

extension Tensor {
}
