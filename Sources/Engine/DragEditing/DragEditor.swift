import Diffusion
import Settings
import TensorCore

/// What is to be edited, and how.
public struct EditRequest: Sendable {
    /// The upright input picture, `(1, H, W, 3)` in [0, 1].
    public var image: Tensor
    /// P_o: describes the picture.
    public var sourcePrompt: String
    /// P_e: the wished result; nil: P_o.
    public var editPrompt: String?
    /// What is to move; may be empty with an edit prompt.
    public var drags: [Drag]
    /// Where the picture may change, at its own size; nil: everywhere (or `auto_mask`).
    public var mask: EditMask?
    /// How it is computed.
    public var settings: EditSettings
    /// Seed of all randomness.
    public var seed: UInt64
    /// A trained LoRA that replaces fine-tuning.
    public var lora: LoRA?

    /// A request.
    public init(
        image: Tensor, sourcePrompt: String, editPrompt: String? = nil, drags: [Drag], mask: EditMask? = nil,
        settings: EditSettings, seed: UInt64 = 42, lora: LoRA? = nil
    ) {
        self.image = image
        self.sourcePrompt = sourcePrompt
        self.editPrompt = editPrompt
        self.drags = drags
        self.mask = mask
        self.settings = settings
        self.seed = seed
        self.lora = lora
    }

    /// Size of the input.
    public var size: Size { Size(height: image.shape[1], width: image.shape[2]) }
}

/// What an edit gave.
public struct EditResult {
    /// The edited picture at the input's own size, `(1, H, W, 3)` in [0, 1].
    public var image: Tensor
    /// The edited picture and the unedited reconstruction at working size.
    public var decoded, reconstruction: Tensor
    /// The input at working size.
    public var working: Tensor
    /// How the latent was edited: handle points, iterations, previews.
    public var record: EditRecord
    /// The mask that was used, at the input's size: the given one, or the drags' surroundings; nil where it had no cell at
    /// latent size.
    public var mask: EditMask?
    /// Losses of fine-tuning; empty when it was skipped.
    public var fineTuningLosses: [Double]
    /// The LoRA that was trained or given.
    public var lora: LoRA?
    /// The network that was used, with the LoRA in place.
    public var unet: UNet
    /// States of P_o.
    public var text: Tensor
    /// Timestep at which the latent was edited.
    public var timestep: Timestep
    /// Latent's rows and columns.
    public var latentSize: Size
    /// Whether a mask was given that had no cell left at latent size.
    public var maskVanished: Bool
    /// Seconds of every stage.
    public var seconds: [EditProgress.Stage: Double]
    /// Stages that were not done because an earlier edit had done them.
    public var restored: [EditProgress.Stage]
}

/// Seconds of a clock that never goes back.
public func monotonicSeconds() -> Double { (ContinuousClock.now - processStart) / .seconds(1) }

private let processStart = ContinuousClock.now

/// CLIPDrag (docs/algorithm.md): fine-tune → invert → drag → sample.
///
/// Synchronous and pure: the same request gives the same bytes. Everything random comes from the request's seed.
public struct DragEditor {
    private let model: DiffusionModel
    private let now: () -> Double

    /// An editor over a loaded model.
    ///
    /// - Parameter now: the seconds of the clock that `budget` is measured by.
    public init(_ model: DiffusionModel, now: @escaping () -> Double = monotonicSeconds) {
        self.model = model
        self.now = now
    }

    /// Makes an edit.
    ///
    /// - Parameters:
    ///   - record: receives intermediate tensors by the oracle's names, images and latents channels-last.
    ///   - memory: of what fine-tuning and inversion gave before; the result is the same with and without.
    ///   - report: called after every step; what it throws ends the edit.
    /// - Throws: `EditError`, or what `report` throws.
    public func edit(
        _ request: EditRequest, memory: (any StageMemory)? = nil,
        record: (String, Tensor) -> Void = { _, _ in },
        report: @escaping ProgressReport = { _ in }
    ) throws -> EditResult {
        let settings = request.settings
        let clock = ContinuousClock()
        var restored: [EditProgress.Stage] = []
        var seconds: [EditProgress.Stage: Double] = [:]
        func stage<T>(_ stage: EditProgress.Stage, _ total: Int, _ work: ((Int) throws -> Void) throws -> T)
            throws -> T
        {
            let begun = clock.now
            releaseIdleMemory()
            try report(EditProgress(stage: stage, step: 0, total: total))
            defer { seconds[stage] = DragEditing.seconds(since: begun, clock) }
            return try work { try report(EditProgress(stage: stage, step: $0, total: total)) }
        }
        func restore(_ stage: EditProgress.Stage, _ total: Int) throws {
            restored.append(stage)
            try report(EditProgress(stage: stage, step: total, total: total, isRestored: true))
        }
        let inversion = try Inversion(model, settings)
        let isWarped = settings.warp > 0 && !request.drags.isEmpty
        var budget = TimeBudget(
            settings.budget, steps: inversion.timesteps.count, inversions: isWarped ? 2 : 1, now: now)
        let target = model.guide?.embedding(of: request.editPrompt ?? request.sourcePrompt)
        let guidance = try guidance(request, target: target)

        // The picture at working size, its latent, the prompt
        let workingSize = WorkingSize.of(
            request.size, native: model.nativeSize, multiple: model.vae.downFactor)
        let working = request.image.resizedAntialiased(height: workingSize.height, width: workingSize.width)
            .mapped { min(max($0, 0), 1) }
        let latentSize = Size(
            height: workingSize.height / model.vae.downFactor, width: workingSize.width / model.vae.downFactor
        )
        lazy var posterior = {
            defer { releaseIdleMemory() }
            return model.posterior(working)
        }()
        let text = model.textStates(request.sourcePrompt)
        record("image.working", working)
        record("text.states", text)
        if let target { record("text.clip", target) }

        // 1 identity
        let known = request.lora == nil && settings.lora.steps > 0 ? memory?.fineTuned() : nil
        let knownPath = memory?.inverted().flatMap { path in
            let shape = [1, latentSize.height, latentSize.width, model.vae.latentChannels]
            let isWhole = path.count == inversion.timesteps.count + 1
            return isWhole && path.allSatisfy { $0.shape == shape } ? path : nil
        }
        if budget.isLimited {
            let shape = [1, latentSize.height, latentSize.width, model.vae.latentChannels]
            budget.measure {
                _ = model.unet(Variable(.zeros(shape)), timesteps: [inversion.editedTimestep], text: text)
            }
            try budget.check(isInverted: knownPath != nil)
        }
        var edited = model
        var losses: [Double] = []
        var lora = request.lora
        if let known {
            try restore(.fineTuning, settings.lora.steps)
            (lora, losses) = (known.lora, known.losses)
        } else if lora == nil && settings.lora.steps > 0 {
            var draws = RandomDraws(seed: request.seed, trainingSteps: model.schedule.trainingSteps)
            let isOutOfTime = budget.fineTuningEnd(batch: settings.lora.batch)
            let trained = try stage(.fineTuning, settings.lora.steps) { report in
                try FineTuning(model, settings.lora).train(
                    posterior: posterior, text: text, draws: &draws, isOutOfTime: isOutOfTime,
                    report: report)
            }
            (lora, losses) = (trained.lora, trained.losses)
            if losses.count == settings.lora.steps {
                memory?.remember(FineTuned(lora: trained.lora, losses: losses))
            }
        }
        if let lora { edited.unet = model.unet.merging(lora) }

        // 2 inversion: known or worth remembering only behind a fine-tuning that time has not cut short
        let isFineTuningWhole = request.lora != nil || losses.count == settings.lora.steps
        let path: [Tensor]
        if let knownPath, isFineTuningWhole {
            try restore(.inverting, inversion.timesteps.count)
            path = knownPath
        } else {
            path = try stage(.inverting, inversion.timesteps.count) { report in
                try Inversion(edited, settings).path(
                    from: model.vae.scalingFactor * posterior.mean, text: text, report: report)
            }
            if isFineTuningWhole { memory?.remember(path: path) }
        }
        let inverted = path[path.count - 1]
        record("latent.encoded", path[0])
        record("latent.path", .stacked(path))
        record("latent.inverted", inverted)

        // 3 drag
        let mask =
            request.mask
            ?? (settings.autoMask && !request.drags.isEmpty
                ? .around(request.drags, size: request.size) : nil)
        let latentMask = mask.map { $0.resized(to: latentSize) }
        let heldMask = latentMask.flatMap { $0.isEmpty ? nil : $0 }
        let grid = FeatureGrid(working: workingSize, image: request.size)
        let handles = request.drags.map { HandlePoint($0, on: grid) }
        if let latentMask {
            let values = latentMask.values.map { $0 ? Float(1) : 0 }
            record("mask.latent", Tensor([latentSize.height, latentSize.width], values))
        }
        var input = DragLoop.Input(
            latent: inverted, timestep: inversion.editedTimestep, text: text, guidance: guidance,
            handles: handles,
            grid: grid,
            mask: heldMask.map {
                MaskTerm(
                    mask: $0.values, size: latentSize, channels: inverted.shape[3],
                    weight: settings.maskWeight)
            })
        if request.editPrompt != nil && guidance != nil { input.leastSteps = settings.textSteps }
        let loop = try stage(.dragging, settings.dragStepLimit) { report in
            if isWarped {
                let warp = DragWarp(
                    request.drags, part: settings.warp, image: request.size,
                    mask: request.mask == nil ? nil : heldMask, grid: latentSize)
                let picture = warp.warped(working)
                record("image.warped", picture)
                input.start = try Inversion(edited, settings).path(
                    from: model.vae.scalingFactor * model.posterior(picture).mean, text: text
                ) { _ in try report(0) }.last
                for (i, goal) in warp.goals.enumerated() { input.handles[i].position = grid.cell(of: goal) }
            }
            return try DragLoop(edited, settings).run(
                input, record: record, isOutOfTime: budget.dragEnd(), report: report)
        }
        record("latent.dragged", loop.latent)

        // 4 sampling under reference control
        let sampled = try stage(.sampling, inversion.timesteps.count) { report in
            try ReferenceSampling(edited, inversion, settings).sample(
                reference: inverted, edit: loop.latent, text: text,
                wish: request.editPrompt.map { model.textStates($0) }, report: report)
        }
        record("latent.sampled", sampled.edit)
        record("latent.sampled_reference", sampled.reference)
        releaseIdleMemory()
        let decoded = model.decode(Variable(sampled.edit)).value
        let image = apply(
            Resize(height: request.size.height, width: request.size.width, .bilinear), Variable(decoded)
        ).value
        record("image.decoded", decoded)
        record("image.result", image)
        let reconstruction = model.decode(Variable(sampled.reference)).value
        guard decoded.isFinite, reconstruction.isFinite else {
            throw EditError(
                code: "edit.not_finite", message: "the decoded picture is not finite",
                hint: "The model's weights may be damaged: see `clipdragd models verify`.")
        }
        return EditResult(
            image: image, decoded: decoded, reconstruction: reconstruction, working: working,
            record: loop.record, mask: heldMask == nil ? nil : mask, fineTuningLosses: losses,
            lora: lora, unet: edited.unet, text: text, timestep: inversion.editedTimestep,
            latentSize: latentSize,
            maskVanished: latentMask.map { $0.isEmpty && !(mask?.isEmpty ?? true) } ?? false,
            seconds: seconds,
            restored: restored)
    }

    /// The guidance that the settings ask for.
    private func guidance(_ request: EditRequest, target: Tensor?) throws(EditError) -> ClipGuidance? {
        guard request.settings.fusion != .drag else { return nil }
        guard let guide = model.guide, let target else {
            throw EditError(
                code: "edit.no_guide", message: "the model `\(model.name)` has no CLIP model to guide with",
                hint: "Set `fusion: drag`, or join one: clipdragd models import \(model.folder) --clip PATH.")
        }
        return ClipGuidance(
            guide.clip, target: target, weight: request.settings.clipWeight,
            shifted: request.settings.clipRange == .shifted)
    }
}
