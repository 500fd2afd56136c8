import Failures
import TensorCore

/// A training timestep, 0…999.
public typealias Timestep = Int

/// The noise schedule: ᾱ and which timesteps are visited (docs/algorithm.md section 0).
///
///     β   scaled_linear: (√β₀ … √β₁)², linear: β₀ … β₁        ᾱ_t = Π (1 − β)
public struct NoiseSchedule: Sendable {
    /// What the network predicts.
    public enum Prediction: String, Sendable {
        /// The noise ε.
        case epsilon
        /// The velocity √ᾱ·ε − √(1−ᾱ)·x0.
        case velocity = "v_prediction"
    }

    /// ᾱ of every training timestep.
    public let alphaBars: [Float]
    /// Number of training timesteps, T.
    public let trainingSteps: Int
    /// What the network predicts.
    public let prediction: Prediction
    private let finalAlphaBar: Float
    private let offset: Int

    init(_ config: ConfigFile) throws(Failure) {
        try config.refuse("trained_betas", because: "a schedule given as a list is not supported")
        let total: Int = try config.value("num_train_timesteps", default: 1000)
        guard total == 1000 else {
            throw Failure(
                .badModel, code: "model.unsupported",
                message: "\(config.path): a schedule of \(total) training timesteps is not supported",
                hint: "Use a model with 1000 of them, as all of Stable Diffusion 1.x and 2.x have.")
        }
        let first: Double = try config.value("beta_start", default: 1e-4)
        let last: Double = try config.value("beta_end", default: 0.02)
        let kind: String = try config.value("beta_schedule", default: "linear")
        let betas: [Float]
        switch kind {
        case "scaled_linear":
            betas = Self.linearSpace(Float(first.squareRoot()), Float(last.squareRoot()), total).map {
                $0 * $0
            }
        case "linear": betas = Self.linearSpace(Float(first), Float(last), total)
        default:
            throw Failure(
                .badModel, code: "model.unsupported",
                message: "\(config.path): beta_schedule `\(kind)` is not supported",
                hint: "Use a model with `scaled_linear` or `linear`.")
        }
        var product: Float = 1
        alphaBars = betas.map {
            product *= 1 - $0
            return product
        }
        trainingSteps = total
        let startsAtOne: Bool = try config.value("set_alpha_to_one", default: true)
        finalAlphaBar = startsAtOne ? 1 : alphaBars[0]
        offset = try config.value("steps_offset", default: 0)
        guard (0..<total).contains(offset) else {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(config.path): a `steps_offset` of \(offset) is no timestep",
                hint: "Copy the model again.")
        }
        let name: String = try config.value("prediction_type", default: "epsilon")
        guard let prediction = Prediction(rawValue: name) else {
            throw Failure(
                .badModel, code: "model.unsupported",
                message: "\(config.path): prediction_type `\(name)` is not supported",
                hint: "Use a model that predicts `epsilon` or `v_prediction`.")
        }
        self.prediction = prediction
    }

    /// Evenly spaced from both ends, as PyTorch's `linspace` computes it in single precision.
    private static func linearSpace(_ first: Float, _ last: Float, _ count: Int) -> [Float] {
        let step = (last - first) / Float(count - 1)
        return (0..<count).map { i in
            i < count / 2 ? first + step * Float(i) : last - step * Float(count - 1 - i)
        }
    }

    /// Training timesteps between two of `count` steps.
    public func stride(stepCount count: Int) -> Int { trainingSteps / count }

    /// The visited timesteps, descending, "leading" spacing.
    public func timesteps(stepCount count: Int) -> [Timestep] {
        (0..<count).reversed().map { $0 * stride(stepCount: count) + offset }
    }

    /// ᾱ at a timestep; below 0 that of the finished picture.
    public func alphaBar(_ t: Timestep) -> Float { t >= 0 ? alphaBars[t] : finalAlphaBar }

    /// How x0 and ε are made of the sample z and the network's output o, all of one shape: the factors
    /// `(x0 of z, x0 of o, ε of z, ε of o)` at an ᾱ.
    public func factors(_ alphaBar: Float) -> (x0z: Float, x0o: Float, epsilonZ: Float, epsilonO: Float) {
        let (a, b) = (alphaBar.squareRoot(), (1 - alphaBar).squareRoot())
        switch prediction {
        case .epsilon: return (1 / a, -b / a, 0, 1)
        case .velocity: return (a, -b, b, a)
        }
    }

    /// (x0, ε) from the network's output for a sample whose ᾱ is given.
    public func split(_ output: Tensor, sample: Tensor, alphaBar: Float) -> (x0: Tensor, epsilon: Tensor) {
        let f = factors(alphaBar)
        let epsilon =
            prediction == .epsilon ? output : Tensor.combination(f.epsilonZ, sample, f.epsilonO, output)
        return (.combination(f.x0z, sample, f.x0o, output), epsilon)
    }

    /// One deterministic DDIM step: the sample at `alphaBar` carried to `next`.
    ///
    ///     z' = √ᾱ'·x0 + √(1−ᾱ')·ε
    public func step(_ output: Tensor, sample: Tensor, from alphaBar: Float, to next: Float) -> Tensor {
        let (x0, epsilon) = split(output, sample: sample, alphaBar: alphaBar)
        return .combination(next.squareRoot(), x0, (1 - next).squareRoot(), epsilon)
    }
}
