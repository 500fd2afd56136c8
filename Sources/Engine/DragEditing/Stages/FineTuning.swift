import Diffusion
import Settings
import TensorCore

/// The randomness of fine-tuning, as values: drawn from a seed, or recorded ones in tests.
public protocol FineTuningDraws {
    /// The starting down-matrix of a site, `(rank, in)`, standard deviation 1/rank.
    mutating func down(_ site: LoRASite, rank: Int) -> Tensor
    /// One batch: noise of the posterior, timesteps, and ε; the noises `(batch, h, w, 4)`.
    mutating func batch(_ step: Int, shape: [Int]) -> (
        posterior: Tensor, timesteps: [Timestep], noise: Tensor
    )
}

/// Draws from a seeded generator.
public struct RandomDraws: FineTuningDraws {
    private var generator: SeededGenerator
    private let trainingSteps: Int

    /// Draws for a schedule of `trainingSteps` timesteps.
    public init(seed: UInt64, trainingSteps: Int) {
        generator = SeededGenerator(seed: seed)
        self.trainingSteps = trainingSteps
    }

    public mutating func down(_ site: LoRASite, rank: Int) -> Tensor {
        (1 / Float(rank)) * generator.normal([rank, site.inputs])
    }

    public mutating func batch(_ step: Int, shape: [Int]) -> (
        posterior: Tensor, timesteps: [Timestep], noise: Tensor
    ) {
        let posterior = generator.normal(shape)
        let timesteps = (0..<shape[0]).map { _ in Int.random(in: 0..<trainingSteps, using: &generator) }
        return (posterior, timesteps, generator.normal(shape))
    }
}

/// Identity fine-tuning (docs/algorithm.md section 1, eq. 1): a LoRA that learns to denoise one picture.
///
///     loss = mean (ε − ε_θ(√ᾱ_t z + √(1−ᾱ_t) ε, t, P_o))²      z = scaling·(mean + deviation·draw)
public struct FineTuning {
    let model: DiffusionModel
    let settings: LoRASettings

    let cellsAtOnce: Int

    /// Latent cells of a pass with gradients: two samples of Stable Diffusion 1.5's own size, or one in bf16, where a pass
    /// gains little by a second. A batch with more is taken a few samples at a time, and their gradients are added.
    public static var cellsAtOnce: Int { Kernels.precision == .bf16 ? 4096 : 8192 }

    /// Samples of a batch that one pass takes.
    static func samplesAtOnce(_ latent: Size, of batch: Int, cellsAtOnce: Int = Self.cellsAtOnce) -> Int {
        min(batch, max(1, cellsAtOnce / (latent.height * latent.width)))
    }

    /// Fine-tuning of a model.
    public init(_ model: DiffusionModel, _ settings: LoRASettings, cellsAtOnce: Int = Self.cellsAtOnce) {
        self.model = model
        self.settings = settings
        self.cellsAtOnce = cellsAtOnce
    }

    /// What training gave.
    public struct Result {
        /// The trained factors.
        public let lora: LoRA
        /// The loss of every step.
        public let losses: [Double]
        /// Gradients of the first step's up-matrices, by site: what the fixtures compare.
        public let firstUpGradients: [String: Tensor]
    }

    /// Trains on one picture.
    ///
    /// - Parameters:
    ///   - posterior: of the picture at working size, unscaled, both `(1, h, w, 4)`.
    ///   - text: states of P_o.
    ///   - isOutOfTime: asked before every step; true ends training with the steps done so far.
    ///   - report: called after every step; what it throws ends training.
    public func train(
        posterior: (mean: Tensor, deviation: Tensor), text: Tensor, draws: inout some FineTuningDraws,
        isOutOfTime: () -> Bool = { false }, report: (Int) throws -> Void
    ) rethrows -> Result {
        let sites = model.unet.loraSites
        var down = sites.map { draws.down($0, rank: settings.rank) }
        var up = sites.map { Tensor.zeros([$0.outputs, settings.rank]) }
        let adam = Adam.Settings(
            learningRate: settings.learningRate, beta1: settings.beta1, beta2: settings.beta2,
            epsilon: settings.epsilon, weightDecay: settings.weightDecay)
        var downStates = down.map { Adam(adam, shape: $0.shape) }
        var upStates = up.map { Adam(adam, shape: $0.shape) }
        var losses: [Double] = []
        var firstUpGradients: [String: Tensor] = [:]
        for step in 0..<settings.steps {
            if isOutOfTime() { break }
            let leaves = zip(down, up).map { (Variable(trainable: $0), Variable(trainable: $1)) }
            let adapters = LoRAAdapters(
                Dictionary(uniqueKeysWithValues: zip(sites, leaves).map { ($0.name, ($1.0, $1.1, 1)) }))
            let (loss, pulled) = gradient(
                batch(posterior, step, &draws), text: text, adapters: adapters,
                leaves: leaves.map(\.0) + leaves.map(\.1))
            for i in sites.indices {
                let (dDown, dUp) = (pulled[i], pulled[sites.count + i])
                if step == 0 { firstUpGradients[sites[i].name] = dUp }
                down[i] = downStates[i].step(down[i], gradient: dDown)
                up[i] = upStates[i].step(up[i], gradient: dUp)
            }
            losses.append(loss)
            try report(step + 1)
        }
        let factors = zip(down, up).map { LoRA.Factors(down: $0, up: $1) }
        return Result(
            lora: LoRA(sites: Dictionary(uniqueKeysWithValues: zip(sites.map(\.name), factors))),
            losses: losses,
            firstUpGradients: firstUpGradients)
    }

    /// The loss of a batch and its gradients to `leaves`, a few samples at a time: a sample of 512×512 pixels keeps
    /// nearly 1 GB until its gradient is known.
    private func gradient(
        _ batch: (input: Tensor, target: Tensor, timesteps: [Timestep]), text: Tensor, adapters: LoRAAdapters,
        leaves: [Variable]
    ) -> (loss: Double, gradients: [Tensor]) {
        let (samples, shape) = (batch.input.shape[0], batch.input.shape)
        let most = Self.samplesAtOnce(
            Size(height: shape[1], width: shape[2]), of: samples, cellsAtOnce: cellsAtOnce)
        var (loss, sums) = (0.0, [Tensor]())
        for first in stride(from: 0, to: samples, by: most) {
            let range = first..<min(first + most, samples)
            let output = model.unet(
                Variable(batch.input.samples(range)), timesteps: Array(batch.timesteps[range]), text: text,
                adapters: adapters
            ).noise
            let share = Double(range.count) / Double(samples)
            let (part, slope) = meanSquaredError(output.value, batch.target.samples(range))
            let pulled = gradients(
                of: [(output, share == 1 ? slope : Float(share) * slope)], withRespectTo: leaves)
            loss += share * part
            sums = sums.isEmpty ? pulled : zip(sums, pulled).map { $0 + $1 }
        }
        return (loss, sums)
    }

    /// One batch of noised latents, what the network shall predict for them, and their timesteps.
    private func batch(
        _ posterior: (mean: Tensor, deviation: Tensor), _ step: Int, _ draws: inout some FineTuningDraws
    ) -> (input: Tensor, target: Tensor, timesteps: [Timestep]) {
        let draw = draws.batch(step, shape: [settings.batch] + posterior.mean.shape.dropFirst())
        let sampleShape = [1] + posterior.mean.shape.dropFirst()
        var (inputs, targets): ([Tensor], [Tensor]) = ([], [])
        for (i, t) in draw.timesteps.enumerated() {
            let noise = draw.noise.sample(i).reshaped(sampleShape)
            let moved = multiplied(posterior.deviation, draw.posterior.sample(i))
            let z = model.vae.scalingFactor * (posterior.mean + moved)
            let alphaBar = model.schedule.alphaBar(t)
            let (a, b) = (alphaBar.squareRoot(), (1 - alphaBar).squareRoot())
            inputs.append(.combination(a, z, b, noise))
            targets.append(model.schedule.prediction == .epsilon ? noise : .combination(a, noise, -b, z))
        }
        return (.stacked(inputs), .stacked(targets), draw.timesteps)
    }
}

private func multiplied(_ a: Tensor, _ b: Tensor) -> Tensor {
    Tensor(a.shape) { out in
        a.withUnsafeValues { a in b.withUnsafeValues { b in for i in a.indices { out[i] = a[i] * b[i] } } }
    }
}
