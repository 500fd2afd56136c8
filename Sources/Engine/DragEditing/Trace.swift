import TensorCore

/// Hands a run's intermediate tensors to whoever asked for them. Without a receiver it computes none of them.
public struct Trace {
    /// Takes a tensor by the oracle's name (oracle/README.md, "What a run leaves"); images and latents are channels-last.
    public typealias Receiver = (String, Tensor) -> Void

    private let receiver: Receiver?

    /// A trace for `receiver`; nil: nobody asked for one.
    public init(_ receiver: Receiver? = nil) { self.receiver = receiver }

    /// Records a tensor, which is computed for a receiver only.
    public func callAsFunction(_ name: String, _ tensor: @autoclosure () -> Tensor) {
        if let receiver { receiver(name, tensor()) }
    }
}
