import TensorCore
import Testing
import TestSupport

extension SplitMix {
    /// About normal: the sum of twelve uniform values.
    mutating func tensor(_ shape: [Int]) -> Tensor {
        Tensor(
            shape,
            (0..<shape.reduce(1, *)).map { _ in
                (0..<12).reduce(Float(-6)) { sum, _ in sum + Float.random(in: 0..<1, using: &self) }
            })
    }
}

/// One operation on inputs of some shapes.
struct OperationCase: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let shapes: [[Int]]
    let run: @Sendable ([Variable]) -> Variable

    init(_ name: String, _ shapes: [[Int]], _ make: @escaping @Sendable () -> any Operation) {
        testDescription = name
        self.shapes = shapes
        run = { inputs in apply(make(), to: inputs) }
    }
}

/// Compares the pull-back of two cotangents at once with central differences along random directions.
///
/// With h = 0.03 the difference quotient is extrapolated once (Richardson), so its own error is of order h⁴.
func checkGradient(_ operation: OperationCase, seed: UInt64, tolerance: Double) throws {
    var random = SplitMix(state: seed)
    let values = operation.shapes.map { random.tensor($0) }
    let inputs = values.map { Variable(trainable: $0) }
    let output = operation.run(inputs)
    let cotangents = [random.tensor(output.shape), random.tensor(output.shape)]
    let pulled = gradients(of: [(output, Tensor.stacked(cotangents))], withRespectTo: inputs)
    for (index, value) in values.enumerated() {
        let direction = random.tensor(value.shape)
        func quotient(_ h: Float, _ cotangent: Tensor) -> Double {
            func moved(_ by: Float) -> Double {
                var at = values
                at[index] = .combination(1, value, by, direction)
                return operation.run(at.map { Variable($0) }).value.dot(cotangent)
            }
            return (moved(h) - moved(-h)) / Double(2 * h)
        }
        for (b, cotangent) in cotangents.enumerated() {
            let expected = (4 * quotient(0.03, cotangent) - quotient(0.06, cotangent)) / 3
            let size = value.shape[0]
            let found = pulled[index].samples(b * size..<(b + 1) * size).dot(direction)
            let scale = max(abs(expected), cotangent.norm * 0.05)
            #expect(
                abs(found - expected) <= tolerance * scale,
                "\(operation.testDescription), input \(index), cotangent \(b), seed \(seed): \(found) for \(expected)"
            )
        }
    }
}
