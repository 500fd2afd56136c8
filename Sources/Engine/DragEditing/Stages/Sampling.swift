import Diffusion
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
        let total = steps * (wish == nil ? 1 : 1 + scene.settings.textTries)
        let sampled = try stages.run(.sampling, of: total) { report in
            let sampler = ReferenceSampling(identity.model, scene.inversion, scene.settings)
            let path = try sampler.sample(
                reference: reference, edit: edit, text: scene.text, from: first, report: report)
            let plain = path.edit[path.edit.count - 1]
            var sampled = Sampled(edit: plain, reference: path.reference[path.reference.count - 1])
            guard let wish else { return sampled }
            (sampled.edit, sampled.guidance) = try guided(plain) { n, strength in
                try sampler.guided(beside: path, text: scene.text, wish: wish, strength, from: first) {
                    try report(n * steps + $0)
                }
            }
            try report(total)
            return sampled
        }
        trace("latent.sampled", sampled.edit)
        trace("latent.sampled_reference", sampled.reference)
        return sampled
    }

    /// The first of `text_tries` ever weaker edits towards P_e that is whole; without one, `plain`. A single try is not judged.
    ///
    /// - Parameters:
    ///   - plain: the edit without P_e.
    ///   - sample: gives the n-th try, from 1, with its strength.
    private func guided(_ plain: Tensor, sample: (_ n: Int, WishStrength) throws -> Tensor) rethrows -> (
        Tensor, EditRecord.Guidance
    ) {
        let (settings, tries) = (scene.settings, scene.settings.textTries)
        let before = tries > 1 ? decoded(plain) : nil
        for n in 1...tries {
            let part = 1 - Double(n - 1) / Double(tries)
            let edit = try sample(n, WishStrength(settings, part: part))
            if before.map({ isWhole(decoded(edit), beside: $0) }) ?? true {
                return (edit, EditRecord.Guidance(part: part, tries: n))
            }
        }
        return (plain, EditRecord.Guidance(part: 0, tries: tries))
    }

    private func decoded(_ latent: Tensor) -> Tensor {
        releaseIdleMemory()
        return identity.model.decode(Variable(latent)).value
    }

    /// Whether an edit is not severely damaged, measured as the verdict measures it, against the edit without P_e.
    private func isWhole(_ edit: Tensor, beside plain: Tensor) -> Bool {
        let size = Size(height: plain.shape[1], width: plain.shape[2])
        let everywhere = EditMask(size: size, values: Array(repeating: true, count: size.height * size.width))
        let comparison = Comparison(source: plain, result: edit, region: everywhere)
        return comparison.damage(reach: 0.03).answer(nil) != .severe
    }
}
