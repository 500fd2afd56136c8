import Diffusion
import Settings
import TensorCore

/// Stage 4 (docs/algorithm.md section 4): denoises the edit beside its reference, and again under P_e where that guides.
struct Sampling {
    private let identity: Identity
    private let scene: Scene

    /// Texts of a sampling under P_e; nil where P_e does not guide it.
    private var texts: GuidingTexts? {
        guard let wish = scene.request.editPrompt, scene.settings.samplesWish(wish) else { return nil }
        return GuidingTexts(
            own: scene.text, wish: identity.model.textStates(wish), empty: identity.model.textStates(""))
    }

    init(_ identity: Identity, _ scene: Scene) {
        self.identity = identity
        self.scene = scene
    }

    /// What sampling gave.
    struct Sampled {
        var edit, reference: Tensor
        /// nil: P_e has not guided.
        var guidance: EditRecord.Guidance?
    }

    /// - Parameter record: of the edit so far.
    func run(
        _ stages: StageRunner, reference: Tensor, edit: Tensor, _ record: EditRecord, from first: Int,
        _ trace: Trace
    ) throws -> Sampled {
        let (texts, steps) = (texts, scene.inversion.timesteps.count)
        let total =
            steps * (1 + (texts == nil ? 0 : EditCost.guidedSamplings(scene.settings.textLayout)))
        let sampled = try stages.run(.sampling, of: total) { report in
            let sampler = ReferenceSampling(identity.model, scene.inversion, scene.settings)
            let path = try sampler.sample(
                reference: reference, edit: edit, text: scene.text, from: first, report: report)
            let (plain, reconstruction) = (
                path.edit[path.edit.count - 1], path.reference[path.reference.count - 1]
            )
            var sampled = Sampled(edit: plain, reference: reconstruction)
            guard let texts else { return sampled }
            // What is stretched in the end is guided as it was before.
            let isStretchedLast = record.stretch?.isWhole == true
            let (base, before) = isStretchedLast ? (path.unedited, reconstruction) : (path, plain)
            var runs = 0
            let guided = try guided(before, by: texts) { layout in
                runs += 1
                let start = layout == .redrawn && record.stretch != nil ? path.reference[0] : base.edit[0]
                return try sampler.guided(beside: base, by: texts, layout, beginning: start, from: first) {
                    try report(runs * steps + $0)
                }
            }
            sampled.guidance = guided.guidance
            if guided.guidance.layout != nil {
                sampled.edit = guided.latent
            } else if scene.request.drags.isEmpty {
                // Without P_e and drags there is no edit: what CLIP's gradient left of P_e goes too.
                sampled.edit = sampled.reference
            }
            if (1 + runs) * steps < total { try report(total) }
            return sampled
        }
        trace("latent.sampled", sampled.edit)
        trace("latent.sampled_reference", sampled.reference)
        return sampled
    }

    /// Gives the edit under P_e, and the latent's cells that P_e may have changed.
    private typealias GuidedSampling = (EditRecord.Guidance.Layout) throws -> (latent: Tensor, cells: [Int]?)

    /// The edit under P_e as `text_layout` has it.
    ///
    /// - Parameter plain: the edit without P_e.
    private func guided(_ plain: Tensor, by texts: GuidingTexts, sample: GuidedSampling) throws -> (
        latent: Tensor, guidance: EditRecord.Guidance
    ) {
        func taking(_ layout: EditRecord.Guidance.Layout) throws -> (Tensor, EditRecord.Guidance) {
            let (latent, cells) = try sample(layout)
            return (latent, EditRecord.Guidance(layout: layout, cells: cells))
        }
        switch scene.settings.textLayout {
        case .free: return try taking(.free)
        case .kept: return try taking(.kept)
        case .redrawn: return try taking(.redrawn)
        case .auto: break
        }
        let measuring = GuidedMeasuring(
            scene, texts, untuned: identity.untuned, plain: decoded(plain))
        return try withoutActuallyEscaping(sample) { sample in
            let chosen = try LayoutChoice {
                let (latent, cells) = try sample($0)
                return measuring.picture(latent, cells: cells, decoded: decoded(latent))
            }.run()
            return (chosen.picture?.latent ?? plain, chosen.guidance)
        }
    }

    private func decoded(_ latent: Tensor) -> Tensor {
        releaseIdleMemory()
        return identity.model.decode(Variable(latent)).value
    }
}
