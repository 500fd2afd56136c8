import Diffusion
import Settings
import TensorCore

/// The drag loop (docs/algorithm.md section 3): moves a latent until the handles' content lies at their targets.
///
///     z^k ─ U-Net ─┬─ features ─ tracking ─ motion supervision ─ G_l ─┐
///                  └─ ε ─ x0 ─ decoder ─ CLIP ─────────────── G_g ─ fusion ─ Adam ─ z^{k+1}
///
/// Both gradients share one forward pass, and one backward pass over the U-Net as a batch of two cotangents.
public struct DragLoop {
    /// What stays the same during the loop.
    public struct Input {
        /// z^0, `(1, h, w, 4)`.
        public var latent: Tensor
        /// Where the loop starts when that is not z^0, which stays what features and mask are compared with.
        public var start: Tensor?
        /// Updates before which neither arrival nor patience ends the loop.
        public var leastSteps = 0
        /// The timestep at which it is edited.
        public var timestep: Timestep
        /// States of P_o.
        public var text: Tensor
        /// Guidance towards P_e; nil for `fusion: drag`.
        public var guidance: ClipGuidance?
        /// Handles and targets on the grid.
        public var handles: [HandlePoint]
        /// The feature grid.
        public var grid: FeatureGrid
        /// What may not change; nil without a mask.
        public var mask: MaskTerm?

        /// The inputs of a loop.
        public init(
            latent: Tensor, timestep: Timestep, text: Tensor, guidance: ClipGuidance?,
            handles: [HandlePoint], grid: FeatureGrid, mask: MaskTerm?
        ) {
            self.latent = latent
            self.timestep = timestep
            self.text = text
            self.guidance = guidance
            self.handles = handles
            self.grid = grid
            self.mask = mask
        }
    }

    /// The numbers of every iteration: L with the mask term, L_g with its weight, cos⟨G_g, G_l⟩, ‖G_l‖ and ‖G_g‖.
    public static let numberNames = ["motion_loss", "clip_loss", "cosine", "local_norm", "global_norm"]

    /// What the loop gave.
    public struct Result {
        /// z^K.
        public var latent: Tensor
        /// What it did.
        public var record: EditRecord
    }

    private let model: DiffusionModel
    private let settings: EditSettings

    /// A loop with the given settings.
    public init(_ model: DiffusionModel, _ settings: EditSettings) {
        self.model = model
        self.settings = settings
    }

    /// Runs the loop.
    ///
    /// - Parameters:
    ///   - record: receives the trace's tensors, channels-last, by the oracle's names.
    ///   - isOutOfTime: asked before every iteration; true ends the loop with the best so far.
    ///   - report: called after every update.
    /// - Throws: what `report` throws; `edit.not_finite` when the latent is no longer a number.
    public func run(
        _ input: Input, record: (String, Tensor) -> Void, isOutOfTime: () -> Bool,
        report: (Int) throws -> Void
    ) throws -> Result {
        let radii = input.grid.radii(settings)
        let tracking = PointTracking(radius: radii.tracking, mode: settings.tracking)
        let adamSettings = Adam.Settings(
            learningRate: settings.latentLearningRate, beta1: settings.beta1, beta2: settings.beta2,
            epsilon: settings.epsilon)
        var adam = Adam(adamSettings, shape: input.latent.shape)
        var z = input.start ?? input.latent
        var handles = input.handles
        var done = EditRecord(
            grid: input.grid, handles: handles, numberNames: Self.numberNames,
            constants: ["radii": [radii.supervision, radii.tracking]])
        var initial: Pass.Snapshot?
        func begin(with pass: Pass) -> Pass.Snapshot {
            record("features.initial", pass.gridFeatures)
            return pass.snapshot
        }
        if input.start != nil { initial = begin(with: Pass(model, settings, input.latent, input)) }
        var patience = Patience(limit: settings.patience)
        let clock = ContinuousClock()
        for k in 0..<settings.dragStepLimit {
            if isOutOfTime() {
                done.outcome = .budget
                break
            }
            let start = clock.now
            // 1 one forward pass
            let pass = Pass(model, settings, z, input)
            let first = initial ?? begin(with: pass)
            initial = first
            // 2 tracking
            if k > 0 || input.start != nil {
                for i in handles.indices {
                    handles[i].position = tracking.track(
                        handles[i], in: pass.features, initial: first.features)
                }
            }
            var row = EditRecord.Iteration(k: k, handles: handles)
            record("iter.\(padded(k)).latent", z)
            // 3 stop
            if !handles.isEmpty && k >= input.leastSteps {
                if row.distances.allSatisfy({ $0 < settings.reach }) {
                    done.outcome = .reached
                } else if patience.isExhausted(by: row.distances.reduce(0, +)) {
                    done.outcome = .stalled
                }
            }
            if done.outcome != .maxSteps {
                row.seconds = seconds(since: start, clock)
                done.iterations.append(row)
                break
            }
            // 4, 5 both gradients
            let gradients = pass.gradients(handles: handles, initial: first, radius: radii.supervision)
            // 6 fusion
            let (fused, cosine) = GradientFusion(settings).fuse(drag: gradients.drag, text: gradients.text)
            // 7 update
            z = adam.step(z, gradient: fused)
            guard z.isFinite else {
                throw EditError(
                    code: "edit.not_finite",
                    message: "the latent is no longer finite after \(k + 1) drag steps",
                    hint: "Lower latent_lr, clip_weight or lambda.")
            }
            row.numbers["motion_loss"] = gradients.motionLoss
            row.numbers["clip_loss"] = gradients.clipLoss
            row.numbers["cosine"] = cosine
            row.numbers["local_norm"] = gradients.drag.norm
            row.numbers["global_norm"] = gradients.text?.norm
            row.updateNorm = fused.norm
            row.seconds = seconds(since: start, clock)
            done.iterations.append(row)
            done.previews.append(pass.prediction)
            record("iter.\(padded(k)).grad_local", gradients.drag)
            if let text = gradients.text { record("iter.\(padded(k)).grad_global", text) }
            record("iter.\(padded(k)).grad", fused)
            try report(k + 1)
        }
        done.handles = handles
        return Result(latent: z, record: done)
    }

    private func padded(_ k: Int) -> String {
        String(repeating: "0", count: max(0, 4 - String(k).count)) + String(k)
    }
}

/// Seconds passed on a clock.
func seconds(since start: ContinuousClock.Instant, _ clock: ContinuousClock) -> Double {
    (clock.now - start) / .seconds(1)
}

/// Counts iterations in which the handles came no nearer.
private struct Patience {
    let limit: Int?
    private var best = Double.infinity
    private var waited = 0

    init(limit: Int?) { self.limit = limit }

    mutating func isExhausted(by distance: Double) -> Bool {
        if distance < best {
            best = distance
            waited = 0
        } else {
            waited += 1
        }
        return limit.map { waited > $0 } ?? false
    }
}

/// One forward pass of the loop, and the gradients that come out of it.
private struct Pass {
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
        let output = model.unet(latent, timesteps: [input.timestep], text: input.text)
        noise = output.noise
        let last = output.blockFeatures.count - 1
        block = output.blockFeatures[settings.featureBlock < 0 ? last : min(settings.featureBlock, last)]
        features = FeatureMap(block.value, grid: input.grid.size)
    }

    /// The whole grid's features, `(1, H, W, channels)`: for the trace.
    var gridFeatures: Tensor {
        apply(
            Resize(height: input.grid.size.height, width: input.grid.size.width, .bilinear),
            Variable(block.value)
        ).value
    }

    private var alphaBar: Float { model.schedule.alphaBar(input.timestep) }

    /// x0 as predicted from here, scaled.
    var prediction: Tensor { model.schedule.split(noise.value, sample: latent.value, alphaBar: alphaBar).x0 }

    var snapshot: Snapshot {
        Snapshot(features: features, previous: settings.maskTerm == .previous ? previousSample.value : nil)
    }

    /// x_{t−1} = ofLatent·z + ofNoise·(the network's output), and the factors.
    private var previousSample: (value: Tensor, ofLatent: Float, ofNoise: Float) {
        let next = model.schedule.alphaBar(
            input.timestep - model.schedule.stride(stepCount: settings.stepCount))
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
    func gradients(handles: [HandlePoint], initial: Snapshot, radius: Int) -> Gradients {
        let zero = Tensor.zeros(latent.shape)
        var (dragNoise, dragDirect): (Tensor?, Tensor) = (nil, zero)
        let supervision = MotionSupervision(
            radius: radius, reach: settings.reach, stepLength: settings.stepLength)
        var (loss, slope) = supervision.loss(features, initial: initial.features, handles: handles)
        if let mask = input.mask {
            switch settings.maskTerm {
            case .latent:
                let (value, gradient) = mask.loss(latent.value, initial: input.latent)
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
        guard let (clipLoss, slopeX0) = clipGradient() else {
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
    private func clipGradient() -> (loss: Double, slope: Tensor)? {
        guard let guidance = input.guidance else { return nil }
        defer { WeightPages.release() }
        let x0 = Variable(trainable: prediction)
        let (loss, embedding, cotangent) = guidance.loss(model.decode(seenByGuide(x0)))
        return (loss, TensorCore.gradients(of: [(embedding, cotangent)], withRespectTo: [x0])[0])
    }

    /// The latent whose picture CLIP sees: the whole one, or with `guidance_decoder: small` one resized so that its
    /// picture has CLIP's own size. That changes the maths, and decodes less.
    private func seenByGuide(_ x0: Variable) -> Variable {
        guard settings.guidanceDecoder == .small, let clip = model.guide?.clip else { return x0 }
        let side = max(1, clip.imageSize / model.vae.downFactor)
        return apply(Resize(height: side, width: side, .areaOrBilinear), x0)
    }
}
