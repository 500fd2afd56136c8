/// Pulls cotangents of some outputs back to some leaves in one walk.
///
/// The walk consumes the recording: what the operations saved is released as it passes, so a second call for the same
/// outputs finds nothing.
///
/// - Parameters:
///   - cotangents: outputs and the cotangents given to them, `(b·d0, …)` for an output of shape `(d0, …)`; the same
///     `b` for all. Outputs may repeat.
///   - leaves: variables made by `init(trainable:)` (or results on the way).
/// - Returns: one gradient `(b·d0, …)` per leaf; zeros where nothing flows.
public func gradients(
    of cotangents: [(output: Variable, cotangent: Tensor)], withRespectTo leaves: [Variable]
) -> [Tensor] {
    guard let first = cotangents.first else { return leaves.map { .zeros($0.shape) } }
    let batch = first.cotangent.count / max(first.output.value.count, 1)
    var arrived: [ObjectIdentifier: Tensor] = [:]
    for (output, cotangent) in cotangents {
        precondition(
            cotangent.count == batch * output.value.count,
            "cotangent \(cotangent.shape) of an output \(output.shape), batch \(batch)")
        if let node = output.node { accumulate(cotangent, into: &arrived[ObjectIdentifier(node)]) }
    }
    let wanted = Set(leaves.compactMap { $0.node.map { ObjectIdentifier($0) } })
    for node in recordedNodes(reachableFrom: cotangents.compactMap(\.output.node)) {
        let key = ObjectIdentifier(node)
        guard let cotangent = wanted.contains(key) ? arrived[key] : arrived.removeValue(forKey: key)
        else { continue }
        for (input, pulled) in node.pulledBack(cotangent) {
            accumulate(pulled, into: &arrived[ObjectIdentifier(input)])
        }
    }
    return leaves.map { leaf in
        leaf.node.flatMap { arrived[ObjectIdentifier($0)] }
            ?? .zeros([batch * (leaf.shape.first ?? 1)] + leaf.shape.dropFirst())
    }
}

private func accumulate(_ cotangent: Tensor, into sum: inout Tensor?) {
    if sum == nil { sum = cotangent } else { sum?.add(cotangent) }
}

/// Everything recorded below some nodes, each before what it was made of.
private func recordedNodes(reachableFrom outputs: [Node]) -> [Node] {
    var seen: Set<ObjectIdentifier> = []
    var found: [Node] = []
    var stack = outputs
    while let node = stack.popLast() {
        guard seen.insert(ObjectIdentifier(node)).inserted else { continue }
        found.append(node)
        stack.append(contentsOf: node.inputs.compactMap { $0 })
    }
    return found.sorted { $0.depth > $1.depth }
}
