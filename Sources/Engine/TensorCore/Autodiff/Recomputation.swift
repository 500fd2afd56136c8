/// Applies a part of a network without keeping what its VJPs read: the part is computed once more when cotangents come
/// back. Time for memory (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016).
///
/// - Parameters:
///   - input: the part's input.
///   - saving: bytes that the part would keep. Below `recomputationThreshold` the part is applied as it is.
///   - part: the same values for the same input, at every call. It reads no other trainable value.
public func recomputed(_ input: Variable, saving: Int, _ part: @escaping (Variable) -> Variable) -> Variable {
    guard saving >= recomputationThreshold, input.requiresGradient else { return part(input) }
    let value = input.value
    let node = Node(inputs: [input.node]) { cotangent in
        let leaf = Variable(trainable: value)
        return gradients(of: [(part(leaf), cotangent)], withRespectTo: [leaf])
    }
    return Variable(value: part(input.detached).value, node: node)
}

/// Bytes that are worth computing a part twice: more than any part of a small model keeps.
public let recomputationThreshold = 8 << 20
