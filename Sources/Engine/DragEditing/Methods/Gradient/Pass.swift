import Diffusion
import Settings
import TensorCore

/// One forward pass over a latent, and the gradients that come out of it.
struct Pass {
    /// What later iterations compare with.
    struct Snapshot {
        let features: FeatureMap
        let previous: Tensor?
    }

    private let model: DiffusionModel
    private let settings: EditSettings
    private let timestep: Timestep
    private let grid: Size
    private let latent: Variable
    private let noise: Variable
    private let block: Variable
    let features: FeatureMap

    /// A pass over `z`, `(1, h, w, 4)`.
    ///
    /// - Parameters:
    ///   - timestep: nil: the task's.
    ///   - isDifferentiable: whether gradients are asked for; without them the pass keeps nothing for a way back.
    init(
        _ model: DiffusionModel, _ settings: EditSettings, _ z: Tensor, _ task: DragTask,
        at timestep: Timestep? = nil, isDifferentiable: Bool = true
    ) {
        self.model = model
        self.settings = settings
        self.timestep = timestep ?? task.timestep
        grid = task.grid.size
        latent = isDifferentiable ? Variable(trainable: z) : Variable(z)
        let output = model.unet(latent, timesteps: [self.timestep], text: task.text)
        noise = output.noise
        let last = output.blockFeatures.count - 1
        block = output.blockFeatures[settings.featureBlock < 0 ? last : min(settings.featureBlock, last)]
        features = FeatureMap(block.value, grid: grid)
    }

    /// The whole grid's features, `(1, H, W, channels)`: for the trace.
    var gridFeatures: Tensor {
        apply(
            Resize(height: grid.height, width: grid.width, .bilinear), Variable(block.value)
        ).value
    }

    private var alphaBar: Float { model.schedule.alphaBar(timestep) }

    /// x0 as predicted from here, scaled.
    var prediction: Tensor { model.schedule.split(noise.value, sample: latent.value, alphaBar: alphaBar).x0 }

    var snapshot: Snapshot {
        Snapshot(features: features, previous: settings.maskTerm == .previous ? previousSample.value : nil)
    }

    /// x_{t−1}: the latent after one DDIM step from here, `(1, h, w, 4)`.
    var denoised: Tensor { previousSample.value }

    /// x_{t−1} = ofLatent·z + ofNoise·(the network's output), and the factors.
    private var previousSample: (value: Tensor, ofLatent: Float, ofNoise: Float) {
        let next = model.schedule.alphaBar(
            timestep - model.schedule.stride(stepCount: settings.stepCount))
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

    /// What the mask holds still, and what it was.
    struct Held {
        let mask: MaskTerm
        /// z^0.
        let latent: Tensor
        /// x_{t−1}^0; nil: the present one.
        let previous: Tensor?
    }

    /// G_l and G_g. Parts that reach the latent past the U-Net (`direct`) are added to what comes back through it.
    ///
    /// - Parameters:
    ///   - motion: the loss on the features, and its gradient to them at the block's resolution.
    ///   - guidance: towards P_e; nil: no G_g.
    ///   - step: the iteration, by which the guidance draws its views.
    func gradients(
        of motion: (value: Double, gradient: Tensor), holding held: Held?, towards guidance: TextGuidance?,
        step: Int
    ) -> Gradients {
        let zero = Tensor.zeros(latent.shape)
        var (dragNoise, dragDirect): (Tensor?, Tensor) = (nil, zero)
        let slope = motion.gradient
        var loss = motion.value
        if let held {
            switch settings.maskTerm {
            case .latent:
                let (value, gradient) = held.mask.loss(latent.value, initial: held.latent)
                loss += value
                dragDirect = gradient
            case .previous:
                let sample = previousSample
                let (value, gradient) = held.mask.loss(
                    sample.value, initial: held.previous ?? sample.value)
                loss += value
                dragDirect = sample.ofLatent * gradient
                dragNoise = sample.ofNoise * gradient
            }
        }
        guard let (clipLoss, slopeX0) = guidance.map({ clipGradient($0, step) }) else {
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
    private func clipGradient(_ guidance: TextGuidance, _ step: Int) -> (loss: Double, slope: Tensor) {
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
