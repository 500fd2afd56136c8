/// Applies a part of a network without keeping what its VJPs read. When cotangents arrive, it computes the part once more: it
/// trades time for memory (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016).
///
/// - Parameters:
///   - input: the part's input.
///   - saving: bytes that the part would keep. Below `recomputationThreshold` the part keeps them.
///   - part: gives the same values for the same input at every call, and reads no other trainable value.
public func recomputed(_ input: Variable, saving: Int, _ part: @escaping (Variable) -> Variable) -> Variable {
    guard saving >= recomputationThreshold, input.requiresGradient else { return part(input) }
    let value = input.value
    let node = Node(inputs: [input.node]) { cotangent in
        let leaf = Variable(trainable: value)
        return gradients(of: [(part(leaf), cotangent)], withRespectTo: [leaf])
    }
    return Variable(value: part(input.detached).value, node: node)
}

/// From this many bytes on, computing a part twice is worth it. No part of a small model keeps as much.
public let recomputationThreshold = 8 << 20
