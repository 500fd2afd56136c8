/// Pulls cotangents of some outputs back to some leaves in one walk.
///
/// The walk consumes the recording: it releases what each operation saved. A second call for the same outputs gives zeros.
///
/// - Parameters:
///   - cotangents: outputs with their cotangents, `(b·d0, …)` for an output of shape `(d0, …)`; the same `b` for all.
///     Outputs may repeat.
///   - leaves: variables made by `init(trainable:)`, or intermediate results.
/// - Returns: one gradient `(b·d0, …)` for each leaf; zeros where no gradient flows.
public func gradients(
    of cotangents: [(output: Variable, cotangent: Tensor)], withRespectTo leaves: [Variable]
) -> [Tensor] {
    guard let first = cotangents.first else { return leaves.map { .zeros($0.shape) } }
    let batch = first.cotangent.count / max(first.output.value.count, 1)
    return gradients(
        of: cotangents.map { Cotangent($0.output, $0.cotangent, members: 0..<batch) }, batch: batch,
        withRespectTo: leaves)
}

/// An output's cotangents for some members of a batch; for the other members they are zero. The walk does no work for
/// members whose cotangents are all zero.
public struct Cotangent {
    let output: Variable
    let value: Tensor
    let members: Range<Int>

    /// - Parameter value: `(members·d0, …)` for an output of shape `(d0, …)`.
    public init(_ output: Variable, _ value: Tensor, members: Range<Int>) {
        precondition(
            value.count == members.count * output.value.count,
            "cotangent \(value.shape) of an output \(output.shape), members \(members)")
        self.output = output
        self.value = value
        self.members = members
    }
}

/// As above, for a batch of `batch` cotangents; each output has cotangents for some of its members.
public func gradients(
    of cotangents: [Cotangent], batch: Int, withRespectTo leaves: [Variable]
) -> [Tensor] {
    var arrived = Arrivals()
    for c in cotangents {
        if let node = c.output.node { arrived.add(c.value, c.members, at: ObjectIdentifier(node)) }
    }
    let wanted = Set(leaves.compactMap { $0.node.map { ObjectIdentifier($0) } })
    for node in recordedNodes(reachableFrom: cotangents.compactMap(\.output.node)) {
        let key = ObjectIdentifier(node)
        guard let members = arrived.members[key],
            let cotangent = wanted.contains(key)
                ? arrived.values[key] : arrived.values.removeValue(forKey: key)
        else { continue }
        for (input, pulled) in node.pulledBack(cotangent) {
            arrived.add(pulled, members, at: ObjectIdentifier(input))
        }
    }
    return leaves.map { leaf in
        let shape = [batch * (leaf.shape.first ?? 1)] + leaf.shape.dropFirst()
        guard let key = leaf.node.map({ ObjectIdentifier($0) }), let found = arrived.values[key],
            let members = arrived.members[key]
        else { return .zeros(shape) }
        return widened(found, from: members, to: 0..<batch).reshaped(shape)
    }
}

/// The cotangents that have arrived at each node so far, for a contiguous range of the batch's members.
private struct Arrivals {
    var values: [ObjectIdentifier: Tensor] = [:]
    private(set) var members: [ObjectIdentifier: Range<Int>] = [:]

    mutating func add(_ value: Tensor, _ members: Range<Int>, at key: ObjectIdentifier) {
        guard let before = self.members[key], values[key] != nil else {
            values[key] = value
            self.members[key] = members
            return
        }
        guard before != members else {
            values[key]?.add(value)
            return
        }
        let all =
            min(before.lowerBound, members.lowerBound)..<max(before.upperBound, members.upperBound)
        values[key] = values[key].map { widened($0, from: before, to: all) }
        values[key]?.add(widened(value, from: members, to: all))
        self.members[key] = all
    }
}

/// The same cotangents, padded with zeros for further members.
private func widened(_ value: Tensor, from members: Range<Int>, to all: Range<Int>) -> Tensor {
    guard members != all else { return value }
    let size = value.count / members.count
    let start = (members.lowerBound - all.lowerBound) * size
    return Tensor([all.count * (value.shape.first ?? 1) / members.count] + value.shape.dropFirst()) { to in
        to.update(repeating: 0)
        value.withUnsafeValues { from in
            _ = UnsafeMutableBufferPointer(rebasing: to[start..<start + from.count]).update(from: from)
        }
    }
}

/// All nodes below some outputs, each before its inputs.
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
