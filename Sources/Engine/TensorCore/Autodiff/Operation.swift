/// A primitive: a forward pass and its vector-Jacobian product (VJP) side by side.
///
/// Cotangents come in batches: a cotangent of a tensor of shape `(d0, …)` has shape `(b·d0, …)`, `b` cotangents one
/// after the other, and so has what the VJP returns. One forward pass thus serves several gradients at once.
public protocol Operation: Sendable {
    /// Exactly what the VJP reads of the forward pass.
    associatedtype Saved

    /// The output, and what its VJP will need.
    func forward(_ inputs: [Tensor]) -> (output: Tensor, saved: Saved)

    /// Pulls cotangents of the output back to the inputs; nil where `needs` is false. Who has the last cotangent may write
    /// into its memory.
    func vjp(_ cotangent: consuming Tensor, saved: Saved, needs: [Bool]) -> [Tensor?]
}

/// A value in a computation, and its place in the recording of how it was made.
///
/// The recording holds no values but those that a VJP reads, so a value lives as long as someone looks at it. A variable
/// lives and dies inside one call on one thread. What no trainable value flows into records nothing.
public struct Variable {
    /// The value itself.
    public let value: Tensor
    let node: Node?

    /// A constant: gradients stop here.
    public init(_ value: Tensor) {
        self.value = value
        node = nil
    }

    /// A leaf whose gradient can be asked for.
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

    /// The same value, through which no gradient flows.
    public var detached: Variable { Variable(value) }
}

/// One recorded operation, or a leaf.
final class Node {
    /// Where its inputs come from; nil for constants.
    private(set) var inputs: [Node?]
    private var pullBack: ((consuming Tensor) -> [Tensor?])?
    /// Longest path back to a leaf: every node comes after what it was made of.
    let depth: Int

    init(inputs: [Node?], pullBack: ((consuming Tensor) -> [Tensor?])?) {
        self.inputs = inputs
        self.pullBack = pullBack
        depth = inputs.reduce(0) { max($0, 1 + ($1?.depth ?? -1)) }
    }

    /// The cotangents of the inputs that need one, and an end to what was saved for them.
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

/// Applies an operation, recording it when a gradient may be wanted.
public func apply(_ operation: some Operation, _ inputs: Variable...) -> Variable {
    apply(operation, to: inputs)
}

/// Applies an operation to a list of variables, recording it when a gradient may be wanted.
public func apply<Op: Operation>(_ operation: Op, to inputs: [Variable]) -> Variable {
    let (output, saved) = operation.forward(inputs.map(\.value))
    let needs = inputs.map(\.requiresGradient)
    guard needs.contains(true) else { return Variable(output) }
    let node = Node(inputs: inputs.map(\.node)) { operation.vjp($0, saved: saved, needs: needs) }
    return Variable(value: output, node: node)
}
