import Diffusion
import Settings
import TensorCore

/// DiffCLIP's training: it walks down the sampling path, and every step of it is an update.
struct DirectionTraining {
    private let task: DragTask
    private let settings: EditSettings
    private let model: DiffusionModel
    private let loss: DirectionalLoss
    private let timesteps: [Timestep]
    private let stride: Int
    private let sites: [LoRASite]
    private var down, up: [Tensor]
    private var downStates, upStates: [Adam]
    /// Where the walk is: the latent, and the index of its timestep.
    private var latent: Tensor
    private var place = 0

    init(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ loss: DirectionalLoss,
        _ run: MethodRun
    ) throws {
        self.task = task
        self.settings = settings
        self.model = model
        self.loss = loss
        timesteps = try Inversion(model, settings).timesteps.reversed()
        stride = model.schedule.stride(stepCount: settings.stepCount)
        sites = model.unet.loraSites
        let rank = settings.lora.rank
        down = sites.map { (1 / Float(rank)) * run.draw("down.\($0.name)", [rank, $0.inputs]) }
        up = sites.map { .zeros([$0.outputs, rank]) }
        let adam = Adam.Settings(
            learningRate: settings.directionLearningRate, beta1: settings.beta1, beta2: settings.beta2,
            epsilon: settings.epsilon)
        downStates = down.map { Adam(adam, shape: $0.shape) }
        upStates = up.map { Adam(adam, shape: $0.shape) }
        latent = task.inverted
    }

    /// What an update was.
    struct Step {
        let direction, value, gradientNorm: Double
        let prediction: Tensor
    }

    /// One update at the present place, and a step on.
    mutating func update() -> Step {
        let leaves = zip(down, up).map { (Variable(trainable: $0), Variable(trainable: $1)) }
        let adapters = LoRAAdapters(
            Dictionary(uniqueKeysWithValues: zip(sites, leaves).map { ($0.name, ($1.0, $1.1, 1)) }))
        let timestep = timesteps[place]
        let output = model.unet(Variable(latent), timesteps: [timestep], text: task.text, adapters: adapters)
            .noise
        let alphaBar = model.schedule.alphaBar(timestep)
        let x0 = Variable(
            trainable: model.schedule.split(output.value, sample: latent, alphaBar: alphaBar).x0)
        let (direction, value, cotangents) = loss(model.decode(x0))
        let slope = gradients(of: cotangents, withRespectTo: [x0])[0]
        let pulled = gradients(
            of: [(output, model.schedule.factors(alphaBar).x0o * slope)],
            withRespectTo: leaves.map(\.0) + leaves.map(\.1))
        var square = 0.0
        for i in sites.indices {
            let (dDown, dUp) = (pulled[i], pulled[sites.count + i])
            square += dDown.dot(dDown) + dUp.dot(dUp)
            down[i] = downStates[i].step(down[i], gradient: dDown)
            up[i] = upStates[i].step(up[i], gradient: dUp)
        }
        let step = Step(
            direction: direction, value: value, gradientNorm: square.squareRoot(), prediction: x0.value)
        latent = model.schedule.step(
            output.value, sample: latent, from: alphaBar, to: model.schedule.alphaBar(timestep - stride))
        place += 1
        if place == timesteps.count { (place, latent) = (0, task.inverted) }
        return step
    }

    /// What the network with the trained LoRA samples from z^0.
    func sampled() -> Tensor {
        let factors = zip(down, up).map { LoRA.Factors(down: $0, up: $1) }
        let unet = model.unet.merging(
            LoRA(sites: Dictionary(uniqueKeysWithValues: zip(sites.map(\.name), factors))))
        var z = task.inverted
        for timestep in timesteps {
            let output = unet(Variable(z), timesteps: [timestep], text: task.text).noise.value
            z = model.schedule.step(
                output, sample: z, from: model.schedule.alphaBar(timestep),
                to: model.schedule.alphaBar(timestep - stride))
        }
        return z
    }
}
