/// A primitive: a forward pass and its vector-Jacobian product (VJP) side by side.
///
/// Cotangents come in batches: a cotangent of a tensor of shape `(d0, …)` has shape `(b·d0, …)`, `b` cotangents one
/// after the other, and so has what the VJP returns. One forward pass thus serves several gradients at once.
public protocol Operation: Sendable {
    /// Exactly what the VJP reads of the forward pass.
    associatedtype Saved

    /// The output, and what its VJP will need.
    func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved)

    /// Pulls cotangents of the output back to the inputs; nil where `needs` is false.
    func vjp(_ cotangent: Tensor, saved: Saved, needs: [Bool]) -> [Tensor?]
}

/// A value in a computation, and how to pull a cotangent back from it.
///
/// A variable lives and dies inside one call on one thread. What no trainable value flows into records nothing.
public final class Variable {
    /// The value itself.
    public let value: Tensor
    /// Whether a gradient can reach a variable made by `init(trainable:)` from here.
    public let requiresGradient: Bool
    var node: Node?
    /// Longest path back to a leaf: every variable comes after what it was made of.
    let depth: Int

    /// A constant: gradients stop here.
    public init(_ value: Tensor) {
        self.value = value
        requiresGradient = false
        depth = 0
    }

    /// A leaf whose gradient can be asked for.
    public init(trainable value: Tensor) {
        self.value = value
        requiresGradient = true
        depth = 0
    }

    init(value: Tensor, node: Node?, depth: Int) {
        self.value = value
        self.node = node
        self.depth = depth
        requiresGradient = node != nil
    }

    /// Sizes of the value's dimensions.
    public var shape: [Int] { value.shape }

    /// The same value, through which no gradient flows.
    public var detached: Variable { Variable(value) }
}

/// One recorded operation.
final class Node {
    let inputs: [Variable]
    let pullBack: (Tensor) -> [Tensor?]

    init(inputs: [Variable], pullBack: @escaping (Tensor) -> [Tensor?]) {
        self.inputs = inputs
        self.pullBack = pullBack
    }
}

/// Applies an operation, recording it when a gradient may be wanted.
public func apply(_ operation: some Operation, _ inputs: Variable...) -> Variable {
    apply(operation, to: inputs)
}

/// Applies an operation to a list of variables, recording it when a gradient may be wanted.
public func apply<Op: Operation>(_ operation: Op, to inputs: [Variable]) -> Variable {
    let (output, saved) = operation.forward(inputs.map(\.value))
    let needs = inputs.map(\.requiresGradient)
    guard needs.contains(true) else { return Variable(output) }
    let node = Node(inputs: inputs) { operation.vjp($0, saved: saved, needs: needs) }
    return Variable(value: output, node: node, depth: 1 + (inputs.map(\.depth).max() ?? 0))
}
