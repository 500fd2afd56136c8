import Failures
import TensorCore

/// A training timestep, 0…999.
public typealias Timestep = Int

/// The noise schedule: ᾱ and the timesteps that sampling visits (docs/algorithm.md section 0).
///
///     β   scaled_linear: (√β₀ … √β₁)², linear: β₀ … β₁        ᾱ_t = Π (1 − β)
///
/// The engine takes only β from a model folder's scheduler: it always samples by DDIM (docs/models.md).
public struct NoiseSchedule: Sendable {
    /// What the network predicts.
    public enum Prediction: String, Codable, Sendable {
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
    /// Whether the last training timestep is pure noise: betas rescaled to zero terminal SNR.
    public let endsInNoise: Bool
    /// The schedule in words.
    public let description: String
    private let finalAlphaBar: Float
    private let offset: Int

    init(_ config: ConfigFile) throws(Failure) {
        let standard = try SchedulerDefaults(config)
        try config.check(.scheduler)
        let total: Int = try config.value("num_train_timesteps", default: 1000)
        guard total == 1000 else {
            throw Failure(
                .badModel, code: "model.unsupported",
                message: "\(config.path): a schedule of \(total) training timesteps is not supported",
                hint: "Use a model with 1000 of them, as all of Stable Diffusion 1.x and 2.x have.")
        }
        let name: String = try config.value("prediction_type", default: "epsilon")
        guard let prediction = Prediction(rawValue: name) else {
            throw Failure(
                .badModel, code: "model.unsupported",
                message: "\(config.path): prediction_type `\(name)` is not supported",
                hint: "Use a model that predicts `epsilon` or `v_prediction`.")
        }
        self.prediction = prediction
        var betas = try Self.betas(config, standard, count: total)
        endsInNoise = try config.value("rescale_betas_zero_snr", default: false)
        if endsInNoise { betas = Self.rescaled(betas) }
        var product: Float = 1
        var alphaBars = betas.map {
            product *= 1 - $0
            return product
        }
        // x0 of predicted noise divides by √ᾱ; diffusers' EulerDiscreteScheduler uses this ᾱ instead of 0.
        if endsInNoise && prediction == .epsilon { alphaBars[total - 1] = 0x1p-24 }
        guard alphaBars.allSatisfy({ (0...1).contains($0) }) else {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(config.path): `beta_start` and `beta_end` give no falling ᾱ between 0 and 1",
                hint: "Copy the model again.")
        }
        self.alphaBars = alphaBars
        trainingSteps = total
        let startsAtOne: Bool = try config.value("set_alpha_to_one", default: standard.setsAlphaToOne)
        finalAlphaBar = startsAtOne ? 1 : alphaBars[0]
        offset = try config.value("steps_offset", default: 0)
        guard (0..<total).contains(offset) else {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(config.path): a `steps_offset` of \(offset) is no timestep",
                hint: "Copy the model again.")
        }
        let betaRange = try Self.betaRange(config, standard)
        description =
            "\(betaRange.kind) betas from \(betaRange.first) to \(betaRange.last)"
            + (endsInNoise ? ", rescaled to zero terminal SNR" : "")
            + (config.text("_class_name").map { " (\($0))" } ?? "")
    }

    private static func betaRange(
        _ config: ConfigFile, _ standard: SchedulerDefaults
    ) throws(Failure) -> (first: Double, last: Double, kind: String) {
        (
            try config.value("beta_start", default: standard.betaStart),
            try config.value("beta_end", default: standard.betaEnd),
            try config.value("beta_schedule", default: standard.betaSchedule)
        )
    }

    private static func betas(
        _ config: ConfigFile, _ standard: SchedulerDefaults, count: Int
    ) throws(Failure) -> [Float] {
        let (first, last, kind) = try betaRange(config, standard)
        switch kind {
        case "scaled_linear":
            return linearSpace(Float(first.squareRoot()), Float(last.squareRoot()), count).map { $0 * $0 }
        case "linear": return linearSpace(Float(first), Float(last), count)
        default:
            throw Failure(
                .badModel, code: "model.unsupported",
                message: "\(config.path): beta_schedule `\(kind)` is not supported",
                hint: "Use a model with `scaled_linear` or `linear`.")
        }
    }

    /// Betas with √ᾱ shifted and stretched so that the last ᾱ is 0 and the first stays (Lin et al. 2024, algorithm 1).
    private static func rescaled(_ betas: [Float]) -> [Float] {
        var product: Float = 1
        var roots = betas.map { beta -> Float in
            product *= 1 - beta
            return product.squareRoot()
        }
        let (first, last) = (roots[0], roots[roots.count - 1])
        roots = roots.map { ($0 - last) * (first / (first - last)) }
        let bars = roots.map { $0 * $0 }
        return bars.indices.map { 1 - ($0 == 0 ? bars[0] : bars[$0] / bars[$0 - 1]) }
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

    /// The factors at an ᾱ that make x0 and ε from the sample z and the network's output o:
    /// `(x0 of z, x0 of o, ε of z, ε of o)`.
    public func factors(_ alphaBar: Float) -> (x0z: Float, x0o: Float, epsilonZ: Float, epsilonO: Float) {
        let (a, b) = (alphaBar.squareRoot(), (1 - alphaBar).squareRoot())
        switch prediction {
        case .epsilon: return (1 / a, -b / a, 0, 1)
        case .velocity: return (a, -b, b, a)
        }
    }

    /// (x0, ε) from the network's output for a sample with this ᾱ.
    public func split(_ output: Tensor, sample: Tensor, alphaBar: Float) -> (x0: Tensor, epsilon: Tensor) {
        let f = factors(alphaBar)
        let epsilon =
            prediction == .epsilon ? output : Tensor.combination(f.epsilonZ, sample, f.epsilonO, output)
        return (.combination(f.x0z, sample, f.x0o, output), epsilon)
    }

    /// One deterministic DDIM step of a sample, from `alphaBar` to `next`.
    ///
    ///     z' = √ᾱ'·x0 + √(1−ᾱ')·ε
    public func step(_ output: Tensor, sample: Tensor, from alphaBar: Float, to next: Float) -> Tensor {
        let (x0, epsilon) = split(output, sample: sample, alphaBar: alphaBar)
        return .combination(next.squareRoot(), x0, (1 - next).squareRoot(), epsilon)
    }
}

/// diffusers' defaults for keys that a scheduler's configuration omits. They depend on the scheduler's class.
struct SchedulerDefaults {
    let betaStart, betaEnd: Double
    let betaSchedule: String
    let setsAlphaToOne: Bool

    /// The classes with the defaults 0.00085, 0.012 and `scaled_linear`. The others have 0.0001, 0.02 and `linear`.
    private static let stableDiffusion = [
        "HeunDiscreteScheduler": "linear", "KDPM2DiscreteScheduler": "linear",
        "KDPM2AncestralDiscreteScheduler": "linear", "DPMSolverSDEScheduler": "linear",
        "LCMScheduler": "scaled_linear", "TCDScheduler": "scaled_linear",
    ]

    /// All classes that sample a Stable Diffusion 1.x or 2.x by these betas.
    private static let known =
        stableDiffusion.keys + [
            "DDIMScheduler", "DDIMParallelScheduler", "DDIMInverseScheduler", "DDPMScheduler",
            "DDPMParallelScheduler", "PNDMScheduler", "LMSDiscreteScheduler", "EulerDiscreteScheduler",
            "EulerAncestralDiscreteScheduler", "DPMSolverMultistepScheduler",
            "DPMSolverMultistepInverseScheduler", "DPMSolverSinglestepScheduler", "DEISMultistepScheduler",
            "UniPCMultistepScheduler", "SASolverScheduler",
        ]

    /// - Throws: `model.unsupported` for the scheduler of another family of models.
    init(_ config: ConfigFile) throws(Failure) {
        try config.checkClass(
            Self.known,
            hint:
                "Use a Stable Diffusion 1.x or 2.x model, or the scheduler of the model that it was made from."
        )
        let name = config.text("_class_name") ?? "DDIMScheduler"
        let kind = Self.stableDiffusion[name]
        (betaStart, betaEnd) = kind == nil ? (1e-4, 0.02) : (0.00085, 0.012)
        betaSchedule = kind ?? "linear"
        setsAlphaToOne = name != "PNDMScheduler"
    }
}
