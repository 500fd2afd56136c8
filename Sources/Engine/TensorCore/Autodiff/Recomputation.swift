/// Applies a part of a network without keeping what its VJPs read: the part is computed once more when cotangents come
/// back. Time for memory (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016).
///
/// - Parameters:
///   - input: the part's input.
///   - saving: bytes that the part would keep. Below `recomputationThreshold` the part is applied as it is.
///   - parameters: trainable leaves that the part reads besides; their gradients come back as usual.
///   - part: the same values for the same input, at every call.
public func recomputed(
    _ input: Variable, saving: Int, parameters: [Variable] = [], _ part: @escaping (Variable) -> Variable
) -> Variable {
    guard saving >= recomputationThreshold, input.requiresGradient || !parameters.isEmpty else {
        return part(input)
    }
    let output = part(input.detached).value
    let value = input.value
    let flows = input.requiresGradient
    let node = Node(inputs: [input.node] + parameters.map(\.node)) { cotangent in
        let leaf = flows ? Variable(trainable: value) : Variable(value)
        let pulled = gradients(of: [(part(leaf), cotangent)], withRespectTo: [leaf] + parameters)
        return [flows ? pulled[0] : nil] + pulled.dropFirst().map { $0 }
    }
    return Variable(value: output, node: node)
}

/// Bytes that are worth computing a part twice: more than any part of a small model keeps.
public let recomputationThreshold = 8 << 20
