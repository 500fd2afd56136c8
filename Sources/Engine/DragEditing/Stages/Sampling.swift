import Diffusion
import Settings
import TensorCore

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
        let total = steps * (wish == nil ? 1 : scene.settings.textLayout == .auto ? 3 : 2)
        let sampled = try stages.run(.sampling, of: total) { report in
            let sampler = ReferenceSampling(identity.model, scene.inversion, scene.settings)
            let path = try sampler.sample(
                reference: reference, edit: edit, text: scene.text, from: first, report: report)
            let plain = path.edit[path.edit.count - 1]
            var sampled = Sampled(edit: plain, reference: path.reference[path.reference.count - 1])
            guard let wish else { return sampled }
            var runs = 0
            (sampled.edit, sampled.guidance) = try guided(plain) { keepsLayout in
                runs += 1
                return try sampler.guided(
                    beside: path, text: scene.text, wish: wish, keepsLayout: keepsLayout, from: first
                ) { try report(runs * steps + $0) }
            }
            if (1 + runs) * steps < total { try report(total) }
            return sampled
        }
        trace("latent.sampled", sampled.edit)
        trace("latent.sampled_reference", sampled.reference)
        return sampled
    }

    /// The edit under P_e as `text_layout` has it.
    ///
    /// - Parameters:
    ///   - plain: the edit without P_e.
    ///   - sample: gives the edit under P_e, with its layout kept or not.
    private func guided(
        _ plain: Tensor, sample: (_ keepsLayout: Bool) throws -> (latent: Tensor, cells: [Int]?)
    ) rethrows -> (
        Tensor, EditRecord.Guidance
    ) {
        func taken(_ keepsLayout: Bool) throws -> (Tensor, EditRecord.Guidance) {
            let found = try sample(keepsLayout)
            return (found.latent, EditRecord.Guidance(keepsLayout: keepsLayout, cells: found.cells))
        }
        if scene.settings.textLayout == .kept { return try taken(true) }
        var free = try taken(false)
        if scene.settings.textLayout == .free { return free }
        free.1.replaced = replaced(decoded(free.0), for: decoded(plain))
        return free
    }

    /// Part of the picture whose content a free layout may replace. Above it starter edits are torn (calibration.md).
    private static let mostReplaced = 0.045

    /// Part of the picture whose content is in one of two pictures alone, as the verdict measures it (`lost`, `new`).
    private func replaced(_ edit: Tensor, for plain: Tensor) -> Double {
        let size = Size(height: plain.shape[1], width: plain.shape[2])
        let everywhere = EditMask(size: size, values: Array(repeating: true, count: size.height * size.width))
        let found = Comparison(source: plain, result: edit, region: everywhere).damage()
        return max(found.lost, found.new) * found.changed
    }

    private func decoded(_ latent: Tensor) -> Tensor {
        releaseIdleMemory()
        return identity.model.decode(Variable(latent)).value
    }
}
