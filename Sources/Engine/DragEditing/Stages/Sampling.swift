import Diffusion
import Settings
import TensorCore
import Verdicts

/// Stage 4 (docs/algorithm.md section 4): denoises the edit beside its reference.
struct Sampling {
    private let identity: Identity
    private let scene: Scene

    /// States of P_e where it guides the sampling.
    private var wish: Tensor? {
        scene.settings.samplesWish(scene.request.editPrompt)
            ? scene.request.editPrompt.map(identity.model.textStates) : nil
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

    func run(
        _ stages: StageRunner, reference: Tensor, edit: Tensor, from first: Int, _ trace: Trace
    ) throws -> Sampled {
        let (wish, steps) = (wish, scene.inversion.timesteps.count)
        let total = steps * (wish == nil ? 1 : scene.settings.textLayout == .auto ? 4 : 2)
        let sampled = try stages.run(.sampling, of: total) { report in
            let sampler = ReferenceSampling(identity.model, scene.inversion, scene.settings)
            let path = try sampler.sample(
                reference: reference, edit: edit, text: scene.text, from: first, report: report)
            let plain = path.edit[path.edit.count - 1]
            var sampled = Sampled(edit: plain, reference: path.reference[path.reference.count - 1])
            guard let wish else { return sampled }
            var runs = 0
            (sampled.edit, sampled.guidance) = try guided(plain) { keepsLayout, weight in
                runs += 1
                return try sampler.guided(
                    beside: path, text: scene.text, wish: wish, keepsLayout: keepsLayout, weight: weight,
                    from: first
                ) { try report(runs * steps + $0) }
            }
            if (1 + runs) * steps < total { try report(total) }
            return sampled
        }
        trace("latent.sampled", sampled.edit)
        trace("latent.sampled_reference", sampled.reference)
        return sampled
    }

    /// Gives the edit under P_e, with its layout kept or not, and the latent's cells that P_e may have changed.
    private typealias GuidedSampling = (_ keepsLayout: Bool, _ weight: Double) throws -> (
        latent: Tensor, cells: [Int]?
    )

    /// The edit under P_e as `text_layout` has it.
    ///
    /// - Parameter plain: the edit without P_e.
    private func guided(_ plain: Tensor, sample: GuidedSampling) throws -> (Tensor, EditRecord.Guidance) {
        let weight = scene.settings.textSampling
        guard scene.settings.textLayout != .kept else {
            return (try sample(true, weight).latent, EditRecord.Guidance(layout: .kept))
        }
        let free = try sample(false, weight)
        var guidance = EditRecord.Guidance(layout: .free, cells: free.cells)
        guard scene.settings.textLayout == .auto else { return (free.latent, guidance) }
        let (seenPlain, seenFree) = (decoded(plain), decoded(free.latent))
        let change = GuidedChange(from: seenPlain)
        let replaced = change.replaced(by: seenFree)
        guidance.replaced = replaced
        let staysFree = GuidedChange.isLittle(replaced) {
            evidence(of: seenFree, beside: seenPlain)?.answer(isChanged: true) == .visible
        }
        if staysFree { return (free.latent, guidance) }
        guard let kept = try kept(change, beside: seenPlain, sample: sample) else {
            return (plain, EditRecord.Guidance(replaced: replaced))
        }
        return (
            kept.latent,
            EditRecord.Guidance(
                layout: .kept, replaced: replaced, weight: kept.weight == weight ? nil : kept.weight)
        )
    }

    /// The edit under P_e with its layout kept: with less weight where the full one harms things, nil where that tears them too
    /// or P_e does not show.
    private func kept(_ change: GuidedChange, beside plain: Tensor, sample: GuidedSampling) throws -> (
        latent: Tensor, weight: Double
    )? {
        var weight = scene.settings.textSampling
        var latent = try sample(true, weight).latent
        var picture = decoded(latent)
        if !change.outlines(of: picture).areKept {
            weight *= GuidedChange.lesserPart
            latent = try sample(true, weight).latent
            picture = decoded(latent)
            if change.outlines(of: picture).areTorn { return nil }
        }
        let shows =
            evidence(of: picture, beside: plain).map { $0.scoreResult > $0.scoreReconstruction } ?? true
        return shows ? (latent, weight) : nil
    }

    /// How well a decoded edit under P_e shows it; nil without a CLIP model.
    private func evidence(of picture: Tensor, beside plain: Tensor) -> Verdict.Text? {
        guard let guide = scene.guide, let wish = scene.request.editPrompt else { return nil }
        return Verdict.Text(
            guide, wish: wish, own: scene.request.sourcePrompt, others: scene.request.otherTexts,
            source: scene.working, reconstruction: plain, result: picture)
    }

    private func decoded(_ latent: Tensor) -> Tensor {
        releaseIdleMemory()
        return identity.model.decode(Variable(latent)).value
    }
}

/// What P_e changed in a decoded edit while sampling, measured as the verdict measures damage (docs/verdict.md).
struct GuidedChange {
    /// Part of the picture whose content a free layout may replace, and where the picture then shows P_e. Above it starter
    /// edits are torn (calibration.md).
    private static let (mostReplaced, mostReplacedVisibly) = (0.045, 0.08)
    /// Part of P_e's weight that a kept layout takes where the whole weight harms things.
    static let lesserPart = 2.0 / 3
    private let plain: Tensor

    /// - Parameter plain: the edit without P_e, `(1, h, w, 3)`.
    init(from plain: Tensor) { self.plain = plain }

    /// Whether a free layout may replace this part of the picture.
    ///
    /// - Parameter isVisible: whether the picture shows P_e; it is asked only where the answer depends on it.
    static func isLittle(_ replaced: Double, isVisible: () -> Bool) -> Bool {
        replaced <= mostReplaced || replaced <= mostReplacedVisibly && isVisible()
    }

    /// Part of the picture whose content is in one of the two pictures alone (`lost`, `new`).
    func replaced(by edit: Tensor) -> Double {
        let found = comparison(edit).damage()
        return max(found.lost, found.new) * found.changed
    }

    func outlines(of edit: Tensor) -> Verdict.Outlines {
        let small = comparison(edit)
        return Verdict.Outlines(source: small.source, result: small.result)
    }

    private func comparison(_ edit: Tensor) -> Comparison {
        let size = Size(height: plain.shape[1], width: plain.shape[2])
        let everywhere = EditMask(size: size, values: Array(repeating: true, count: size.height * size.width))
        return Comparison(source: plain, result: edit, region: everywhere)
    }
}
