internal import CKernels

/// Adam, or with a weight decay AdamW, in PyTorch's order of operations. Each trained tensor has a state of its own.
///
///     m ← m + (1−β₁)(g − m)    v ← β₂v + (1−β₂)g²
///     x ← x·(1 − lr·decay) − lr/(1−β₁ᵏ) · m / (√v/√(1−β₂ᵏ) + ε)
public struct Adam: Sendable {
    /// The parameters of the optimiser.
    public struct Settings: Sendable, Equatable {
        /// Step size.
        public var learningRate: Double
        /// Decay of the running mean of gradients.
        public var beta1: Double
        /// Decay of the running mean of their squares.
        public var beta2: Double
        /// Added to the denominator.
        public var epsilon: Double
        /// AdamW's decay of the value itself; 0 for plain Adam.
        public var weightDecay: Double

        /// Settings with PyTorch's defaults.
        public init(
            learningRate: Double, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
            weightDecay: Double = 0
        ) {
            self.learningRate = learningRate
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.weightDecay = weightDecay
        }
    }

    let settings: Settings
    private var first: Tensor
    private var second: Tensor
    private var steps = 0

    /// A fresh state for tensors of the given shape.
    public init(_ settings: Settings, shape: [Int]) {
        self.settings = settings
        first = .zeros(shape)
        second = .zeros(shape)
    }

    /// The value after one more step along the gradient.
    public mutating func step(_ value: Tensor, gradient: Tensor) -> Tensor {
        steps += 1
        let correction1 = 1 - power(settings.beta1, steps)
        let correction2 = 1 - power(settings.beta2, steps)
        let (m, v) = (first.copied, second.copied)
        let result = value.copied
        withExtendedLifetime(gradient) {
            ck_adam(
                result.storage.base, gradient.storage.base, m.storage.base, v.storage.base, value.count,
                Float(settings.beta1), Float(settings.beta2), Float(settings.learningRate / correction1),
                Float(correction2.squareRoot()), Float(settings.epsilon),
                Float(settings.learningRate * settings.weightDecay))
        }
        first = m
        second = v
        return result
    }

    private func power(_ base: Double, _ exponent: Int) -> Double {
        (0..<exponent).reduce(1) { product, _ in product * base }
    }
}

extension Tensor {
    /// A copy with memory of its own.
    fileprivate var copied: Tensor {
        Tensor(shape) { to in withUnsafeValues { from in _ = to.update(from: from) } }
    }
}
