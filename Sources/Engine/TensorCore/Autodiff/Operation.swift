/// A primitive: a forward pass and its vector-Jacobian product (VJP) side by side.
///
/// Cotangents come in batches: those of a tensor of shape `(d0, …)` have the shape `(b·d0, …)`, `b` cotangents one after the
/// other. The VJP's results have the same batch. One forward pass thus serves several gradients at once.
public protocol Operation: Sendable {
    /// The values of the forward pass that the VJP reads, and no others.
    associatedtype Saved

    /// The output, and the values that its VJP reads.
    func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved)

    /// Pulls cotangents of the output back to the inputs; nil where `needs` is false. The VJP may write into the cotangent's
    /// memory if nobody else uses it.
    func vjp(_ cotangent: consuming Tensor, saved: Saved, needs: [Bool]) -> [Tensor?]
}

/// A value in a computation, with its node in the recording.
///
/// The recording holds only values that a VJP reads. A variable lives inside one call on one thread. A computation without
/// trainable values records nothing.
public struct Variable {
    /// The value itself.
    public let value: Tensor
    let node: Node?

    /// A constant: no gradient flows into it.
    public init(_ value: Tensor) {
        self.value = value
        node = nil
    }

    /// A leaf: `gradients` can give its gradient.
    public init(trainable value: Tensor) {
        self.value = value
        node = Node(inputs: [], pullBack: nil)
    }

    init(value: Tensor, node: Node?) {
        self.value = value
        self.node = node
    }

    /// Whether a gradient can reach a variable made by `init(trainable:)` from here.
    public var requiresGradient: Bool { node != nil }

    /// Sizes of the value's dimensions.
    public var shape: [Int] { value.shape }

    /// The same value as a constant.
    public var detached: Variable { Variable(value) }
}

/// One recorded operation, or a leaf.
final class Node {
    /// The nodes of its inputs; nil for constants.
    private(set) var inputs: [Node?]
    private var pullBack: ((consuming Tensor) -> [Tensor?])?
    /// The length of the longest path to a leaf. It is larger than that of every input.
    let depth: Int

    init(inputs: [Node?], pullBack: ((consuming Tensor) -> [Tensor?])?) {
        self.inputs = inputs
        self.pullBack = pullBack
        depth = inputs.reduce(0) { max($0, 1 + ($1?.depth ?? -1)) }
    }

    /// The cotangents of the inputs that need one. It releases what the operation saved.
    func pulledBack(_ cotangent: consuming Tensor) -> [(input: Node, cotangent: Tensor)] {
        guard let pullBack else { return [] }
        let found = zip(inputs, pullBack(cotangent)).compactMap { input, pulled in
            if let input, let pulled { (input, pulled) } else { nil }
        }
        self.pullBack = nil
        inputs = []
        return found
    }
}

/// Applies an operation, and records it if a gradient can flow.
public func apply(_ operation: some Operation, _ inputs: Variable...) -> Variable {
    apply(operation, to: inputs)
}

/// Applies an operation to a list of variables, and records it if a gradient can flow.
public func apply<Op: Operation>(_ operation: Op, to inputs: [Variable]) -> Variable {
    let (output, saved) = operation.forward(inputs.map(\.value))
    let needs = inputs.map(\.requiresGradient)
    guard needs.contains(true) else { return Variable(output) }
    let node = Node(inputs: inputs.map(\.node)) { operation.vjp($0, saved: saved, needs: needs) }
    return Variable(value: output, node: node)
}
