import Foundation
import TensorCore
import Testing
import TestSupport

private func random(_ shape: [Int], seed: UInt64 = 7) -> Tensor {
    var generator = SplitMix(state: seed)
    return generator.tensor(shape)
}

private func convolution(
    _ out: Int, _ into: Int, _ kernel: Int, stride: Int = 1, padding: ConvolutionParameters.Padding = .all(1)
) -> Convolution {
    Convolution(
        ConvolutionParameters(
            weight: random([out, into, kernel, kernel]), bias: random([out]), stride: stride, padding: padding
        ))
}

/// Every operation, on odd shapes. A new operation without a line here fails the test below.
let operationCases: [OperationCase] = [
    OperationCase("Convolution 3×3", [[2, 7, 5, 3]]) { convolution(4, 3, 3) },
    OperationCase("Convolution 3×3, stride 2, padded all round", [[1, 7, 10, 3]]) {
        convolution(5, 3, 3, stride: 2)
    },
    OperationCase("Convolution 3×3, stride 2, padded right and below", [[2, 8, 9, 3]]) {
        convolution(5, 3, 3, stride: 2, padding: .bottomRight)
    },
    OperationCase("Convolution 1×1", [[1, 3, 5, 6]]) { convolution(4, 6, 1, padding: .all(0)) },
    OperationCase("Convolution of patches", [[1, 8, 12, 3]]) {
        convolution(6, 3, 4, stride: 4, padding: .all(0))
    },
    OperationCase("Convolution with a bias per sample", [[2, 5, 3, 3]]) {
        Convolution(convolution(4, 3, 3).parameters, sampleBias: random([2, 4]))
    },
    OperationCase("Linear", [[2, 5, 6]]) { Linear(weight: random([7, 6]), bias: random([7])) },
    OperationCase("WeightRelease", [[2, 5, 6]]) { WeightRelease() },
    OperationCase("AdaptedLinear", [[2, 5, 6], [3, 6], [7, 3]]) {
        AdaptedLinear(Linear(weight: random([7, 6]), bias: random([7])), scale: 0.7)
    },
    OperationCase("GroupNorm", [[2, 5, 3, 12]]) {
        GroupNorm(gamma: random([12]), beta: random([12]), groups: 4, epsilon: 1e-5)
    },
    OperationCase("GroupNorm with SiLU", [[1, 17, 13, 6]]) {
        GroupNorm(gamma: random([6]), beta: random([6]), groups: 3, epsilon: 1e-6, silu: true)
    },
    OperationCase("LayerNorm", [[2, 4, 11]]) {
        LayerNorm(gamma: random([11]), beta: random([11]), epsilon: 1e-5)
    },
    OperationCase("Activation SiLU", [[3, 11]]) { Activation(.silu) },
    OperationCase("Activation GELU", [[3, 11]]) { Activation(.gelu) },
    OperationCase("Activation quick GELU", [[3, 11]]) { Activation(.quickGELU) },
    OperationCase("GEGLU", [[2, 3, 14]]) { GEGLU() },
    OperationCase("FeedForward", [[2, 1031, 3]]) {  // of 2048 rows and some
        FeedForward(
            widening: Linear(weight: random([10, 3]), bias: random([10])),
            narrowing: Linear(weight: random([3, 5], seed: 3), bias: random([3])))
    },
    OperationCase("Attention", [[2, 7, 6], [2, 7, 6], [2, 7, 6]]) { Attention(heads: 2) },
    OperationCase("Attention to other tokens", [[2, 70, 15], [2, 9, 15], [2, 9, 15]]) { Attention(heads: 3) },
    OperationCase("Attention over several tiles", [[1, 67, 4], [1, 261, 4], [1, 261, 4]]) {
        Attention(heads: 2)
    },
    OperationCase("Attention to one sample's keys", [[3, 5, 4], [1, 9, 4], [1, 9, 4]]) {
        Attention(heads: 1)
    },
    OperationCase("Attention, causal", [[1, 69, 8], [1, 69, 8], [1, 69, 8]]) {
        Attention(heads: 2, isCausal: true)
    },
    OperationCase("LinearCombination", [[2, 5], [2, 5]]) { LinearCombination(0.3, -1.7) },
    OperationCase("ChannelAffine", [[2, 3, 5]]) { ChannelAffine(scale: random([5]), shift: random([5])) },
    OperationCase("AddConstant", [[2, 3, 5]]) { AddConstant(random([3, 5])) },
    OperationCase("Reshape", [[2, 3, 4, 5]]) { Reshape(sampleShape: [12, 5]) },
    OperationCase("Concatenate channels", [[2, 3, 4], [2, 3, 5]]) { Concatenate(axis: 2) },
    OperationCase("Concatenate tokens", [[2, 1, 4], [2, 3, 4]]) { Concatenate(axis: 1) },
    OperationCase("Slice", [[2, 5, 4]]) { Slice(axis: 1, 1..<4) },
    OperationCase("Mirror", [[2, 3, 5, 4]]) { Mirror(axis: 2) },
    OperationCase("Resize nearest", [[1, 6, 7, 2]]) { Resize(height: 11, width: 13, .nearest) },
    OperationCase("Resize bilinear", [[2, 9, 8, 2]]) { Resize(height: 5, width: 11, .bilinear) },
    OperationCase("Resize by area", [[2, 10, 13, 2]]) { Resize(height: 4, width: 5, .area) },
    OperationCase("Resize by area or bilinear", [[1, 7, 13, 2]]) {
        Resize(height: 9, width: 9, .areaOrBilinear)
    },
]

@Suite struct GradientTests {
    @Test(arguments: operationCases)
    func `VJPs agree with finite differences`(_ operation: OperationCase) throws {
        for seed in [1, 2] as [UInt64] { try checkGradient(operation, seed: seed, tolerance: 4e-3) }
    }

    @Test func `clamp passes gradient inside its range and at its ends, and nowhere else`() {
        let x = Variable(trainable: Tensor([1, 5], [-0.5, 0, 0.25, 1, 1.5]))
        let y = apply(Clamp(0, 1), x)
        #expect(y.value.values == [0, 0, 0.25, 1, 1])
        #expect(
            gradients(of: [(y, Tensor([1, 5], repeating: 3))], withRespectTo: [x])[0].values == [
                0, 3, 3, 3, 0,
            ])
    }

    @Test func `losses agree with finite differences`() {
        let (x, y, d) = (random([13], seed: 1), random([13], seed: 2), random([13], seed: 3))
        func slope(_ loss: (Tensor) -> Double, _ at: Tensor) -> Double {
            (loss(.combination(1, at, 1e-2, d)) - loss(.combination(1, at, -1e-2, d))) / 2e-2
        }
        let cosine = cosineSimilarity(x, y)
        #expect(abs(cosine.dx.dot(d) - slope({ cosineSimilarity($0, y).value }, x)) < 1e-4)
        #expect(abs(cosine.dy.dot(d) - slope({ cosineSimilarity(x, $0).value }, y)) < 1e-4)
        let squares = meanSquaredError(x, y)
        #expect(abs(squares.dx.dot(d) - slope({ meanSquaredError($0, y).value }, x)) < 1e-4)
    }

    @Test func `a value used twice collects both gradients, and constants record nothing`() {
        let x = Variable(trainable: Tensor([1, 2], [2, 3]))
        let twice = apply(LinearCombination(1, 4), x, x)
        #expect(gradients(of: [(twice, Tensor([1, 2], [1, 10]))], withRespectTo: [x])[0].values == [5, 50])
        #expect(!apply(Activation(.silu), Variable(Tensor([1, 2], [2, 3]))).requiresGradient)
    }

    @Test func `batch members without a cotangent get zero gradients and join the others where paths meet`() {
        let x = Variable(trainable: random([2, 5, 6]))
        let early = apply(Activation(.silu), x)
        let late = apply(Activation(.gelu), early)
        let (a, b) = (random([2, 5, 6], seed: 1), random([4, 5, 6], seed: 2))
        let zero = Tensor.zeros([2, 5, 6])
        func pulled(_ cotangents: [Cotangent]) -> [Tensor] {
            gradients(of: cotangents, batch: 3, withRespectTo: [x])
        }
        let whole = pulled([
            Cotangent(early, .stacked([a, zero, zero]), members: 0..<3),
            Cotangent(late, .stacked([zero, b]), members: 0..<3),
        ])[0]
        let (y, z) = (apply(Activation(.silu), x), Variable(trainable: x.value))
        let parts = pulled([
            Cotangent(y, a, members: 0..<1), Cotangent(apply(Activation(.gelu), y), b, members: 1..<3),
        ])[0]
        #expect(parts.shape == [6, 5, 6] && (parts - whole).norm <= 1e-6 * whole.norm)
        #expect(
            gradients(of: [Cotangent(z, a, members: 1..<2)], batch: 2, withRespectTo: [z])[0].values
                == zero.values + a.values)
    }

    @Test(arguments: [0, recomputationThreshold])
    func `a recomputed part gives the same gradients and runs once more in the backward pass`(
        _ saving: Int
    ) {
        let (x, w) = (random([3, 5, 8]), StoredTensor(random([8, 8], seed: 8)))
        let cotangents = random([6, 5, 8], seed: 9)  // a batch of two
        var runs = 0
        func part(_ h: Variable) -> Variable {
            runs += 1
            let linear = Linear(weight: w, bias: nil)
            return apply(LinearCombination(1, 2), h, apply(Activation(.gelu), apply(linear, h)))
        }
        func pulled(_ part: (Variable) -> Variable) -> Tensor {
            let input = Variable(trainable: x)
            let y = apply(Activation(.silu), part(apply(Activation(.silu), input)))
            return gradients(of: [(y, cotangents)], withRespectTo: [input])[0]
        }
        let plain = pulled(part)
        runs = 0
        let found = pulled { recomputed($0, saving: saving, part) }
        #expect(found.shape == plain.shape && found.values == plain.values)
        #expect(runs == (saving >= recomputationThreshold ? 2 : 1))
        // Without a gradient to come there is nothing to save.
        runs = 0
        #expect(!recomputed(Variable(x), saving: saving, part).requiresGradient && runs == 1)
    }

    @Test func `every operation in the sources has a gradient check`() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(
            path: "../../Sources/Engine")
        let checked = Set(operationCases.map { $0.testDescription.prefix { $0.isLetter } }).union(["Clamp"])
        var operations: [String] = []
        let files = try #require(FileManager.default.enumerator(at: root, includingPropertiesForKeys: nil))
        for case let file as URL in files where file.pathExtension == "swift" {
            for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
                if let match = line.firstMatch(of: /struct (\w+): Operation/) {
                    operations.append(String(match.1))
                }
            }
        }
        #expect(operations.count >= 15)
        for name in operations { #expect(checked.contains(name[...]), "\(name) is not in operationCases") }
    }
}
