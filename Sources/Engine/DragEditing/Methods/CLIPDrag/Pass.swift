import Diffusion
import Settings
import TensorCore

/// One forward pass of the loop, and the gradients that come out of it.
struct Pass {
    /// What later iterations compare with.
    struct Snapshot {
        let features: FeatureMap
        let previous: Tensor?
    }

    private let model: DiffusionModel
    private let settings: EditSettings
    private let input: DragLoop.Input
    private let latent: Variable
    private let noise: Variable
    private let block: Variable
    let features: FeatureMap

    init(_ model: DiffusionModel, _ settings: EditSettings, _ z: Tensor, _ input: DragLoop.Input) {
        self.model = model
        self.settings = settings
        self.input = input
        latent = Variable(trainable: z)
        let output = model.unet(latent, timesteps: [input.task.timestep], text: input.task.text)
        noise = output.noise
        let last = output.blockFeatures.count - 1
        block = output.blockFeatures[settings.featureBlock < 0 ? last : min(settings.featureBlock, last)]
        features = FeatureMap(block.value, grid: input.task.grid.size)
    }

    /// The whole grid's features, `(1, H, W, channels)`: for the trace.
    var gridFeatures: Tensor {
        apply(
            Resize(height: input.task.grid.size.height, width: input.task.grid.size.width, .bilinear),
            Variable(block.value)
        ).value
    }

    private var alphaBar: Float { model.schedule.alphaBar(input.task.timestep) }

    /// x0 as predicted from here, scaled.
    var prediction: Tensor { model.schedule.split(noise.value, sample: latent.value, alphaBar: alphaBar).x0 }

    var snapshot: Snapshot {
        Snapshot(features: features, previous: settings.maskTerm == .previous ? previousSample.value : nil)
    }

    /// x_{t−1} = ofLatent·z + ofNoise·(the network's output), and the factors.
    private var previousSample: (value: Tensor, ofLatent: Float, ofNoise: Float) {
        let next = model.schedule.alphaBar(
            input.task.timestep - model.schedule.stride(stepCount: settings.stepCount))
        let f = model.schedule.factors(alphaBar)
        let (a, b) = (next.squareRoot(), (1 - next).squareRoot())
        let value = model.schedule.step(noise.value, sample: latent.value, from: alphaBar, to: next)
        return (value, a * f.x0z + b * f.epsilonZ, a * f.x0o + b * f.epsilonO)
    }

    struct Gradients {
        var drag: Tensor
        var text: Tensor?
        var motionLoss: Double
        var clipLoss: Double?
    }

    /// G_l and G_g. Parts that reach the latent past the U-Net (`direct`) are added to what comes back through it.
    ///
    /// - Parameter step: the iteration's number, which decides CLIP's views.
    func gradients(handles: [HandlePoint], initial: Snapshot, radius: Int, step: Int) -> Gradients {
        let zero = Tensor.zeros(latent.shape)
        var (dragNoise, dragDirect): (Tensor?, Tensor) = (nil, zero)
        let supervision = MotionSupervision(
            radius: radius, reach: settings.reach, stepLength: settings.stepLength)
        var (loss, slope) = supervision.loss(features, initial: initial.features, handles: handles)
        if let mask = input.mask {
            switch settings.maskTerm {
            case .latent:
                let (value, gradient) = mask.loss(latent.value, initial: input.task.inverted)
                loss += value
                dragDirect = gradient
            case .previous:
                let sample = previousSample
                let (value, gradient) = mask.loss(sample.value, initial: initial.previous ?? sample.value)
                loss += value
                dragDirect = sample.ofLatent * gradient
                dragNoise = sample.ofNoise * gradient
            }
        }
        guard let (clipLoss, slopeX0) = clipGradient(step) else {
            let pulled = TensorCore.gradients(
                of: [(block, slope)] + (dragNoise.map { [(noise, $0)] } ?? []), withRespectTo: [latent])[0]
            return Gradients(drag: pulled + dragDirect, text: nil, motionLoss: loss, clipLoss: nil)
        }
        // a batch of two; where the features' cotangent does not reach, behind their block, the text's goes alone
        let f = model.schedule.factors(alphaBar)
        var cotangents = [
            Cotangent(block, slope, members: 0..<1), Cotangent(noise, f.x0o * slopeX0, members: 1..<2),
        ]
        if let dragNoise { cotangents.append(Cotangent(noise, dragNoise, members: 0..<1)) }
        let pulled = TensorCore.gradients(of: cotangents, batch: 2, withRespectTo: [latent])[0]
        return Gradients(
            drag: pulled.sample(0) + dragDirect, text: pulled.sample(1) + f.x0z * slopeX0, motionLoss: loss,
            clipLoss: clipLoss)
    }

    /// L_g, and its gradient to x0 (eq. 4).
    private func clipGradient(_ step: Int) -> (loss: Double, slope: Tensor)? {
        guard let guidance = input.guidance else { return nil }
        defer { WeightPages.release() }
        let x0 = Variable(trainable: prediction)
        let (loss, seeds) = guidance.loss(model.decode(seenByGuide(x0)), step: step)
        return (loss, TensorCore.gradients(of: seeds, withRespectTo: [x0])[0])
    }

    /// The latent whose picture CLIP sees: the whole one, or with `guidance_decoder: small` one resized so that its
    /// picture has CLIP's own size. That changes the maths, and decodes less.
    private func seenByGuide(_ x0: Variable) -> Variable {
        guard settings.guidanceDecoder == .small, let clip = model.guide?.clip else { return x0 }
        let side = max(1, clip.imageSize / model.vae.downFactor)
        return apply(Resize(height: side, width: side, .areaOrBilinear), x0)
    }
}
