/// Pulls cotangents of some outputs back to some leaves in one walk.
///
/// The walk consumes the recording: what the operations saved is released as it passes, so a second call for the same
/// outputs finds nothing.
///
/// - Parameters:
///   - cotangents: outputs and the cotangents given to them, `(b·d0, …)` for an output of shape `(d0, …)`; the same
///     `b` for all. Outputs may repeat.
///   - leaves: variables made by `init(trainable:)` (or results on the way).
///   - checkpoint: called after every operation; what it throws ends the walk.
/// - Returns: one gradient `(b·d0, …)` per leaf; zeros where nothing flows.
public func gradients(
    of cotangents: [(output: Variable, cotangent: Tensor)], withRespectTo leaves: [Variable],
    checkpoint: () throws -> Void
) rethrows -> [Tensor] {
    guard let first = cotangents.first else { return leaves.map { .zeros($0.shape) } }
    let batch = first.cotangent.count / max(first.output.value.count, 1)
    var arrived: [ObjectIdentifier: Tensor] = [:]
    for (output, cotangent) in cotangents {
        precondition(
            cotangent.count == batch * output.value.count,
            "cotangent \(cotangent.shape) of an output \(output.shape), batch \(batch)")
        accumulate(cotangent, into: &arrived[ObjectIdentifier(output)])
    }
    let wanted = Set(leaves.map { ObjectIdentifier($0) })
    for variable in recordedVariables(reachableFrom: cotangents.map(\.output)) {
        guard let node = variable.node else { continue }
        let key = ObjectIdentifier(variable)
        guard let cotangent = arrived[key] else { continue }
        if !wanted.contains(key) { arrived[key] = nil }
        variable.node = nil
        for (input, pulled) in zip(node.inputs, node.pullBack(cotangent)) {
            guard let pulled else { continue }
            accumulate(pulled, into: &arrived[ObjectIdentifier(input)])
        }
        try checkpoint()
    }
    return leaves.map { leaf in
        arrived[ObjectIdentifier(leaf)] ?? .zeros([batch * (leaf.shape.first ?? 1)] + leaf.shape.dropFirst())
    }
}

/// As above, without a checkpoint. (A default for a closure parameter would count as throwing.)
public func gradients(
    of cotangents: [(output: Variable, cotangent: Tensor)], withRespectTo leaves: [Variable]
) -> [Tensor] {
    gradients(of: cotangents, withRespectTo: leaves, checkpoint: {})
}

private func accumulate(_ cotangent: Tensor, into sum: inout Tensor?) {
    sum = sum.map { $0 + cotangent } ?? cotangent
}

/// Everything recorded below the outputs, each before what it was made of.
private func recordedVariables(reachableFrom outputs: [Variable]) -> [Variable] {
    var seen: Set<ObjectIdentifier> = []
    var found: [Variable] = []
    var stack = outputs
    while let variable = stack.popLast() {
        guard let node = variable.node, seen.insert(ObjectIdentifier(variable)).inserted else { continue }
        found.append(variable)
        stack.append(contentsOf: node.inputs)
    }
    return found.sorted { $0.depth > $1.depth }
}
