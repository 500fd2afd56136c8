import Diffusion
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

    func run(
        _ stages: StageRunner, reference: Tensor, edit: Tensor, from first: Int, _ trace: Trace
    ) throws -> (edit: Tensor, reference: Tensor) {
        let sampled = try stages.run(.sampling, of: scene.inversion.timesteps.count) { report in
            try ReferenceSampling(identity.model, scene.inversion, scene.settings).sample(
                reference: reference, edit: edit, text: scene.text, wish: wish, from: first, report: report)
        }
        trace("latent.sampled", sampled.edit)
        trace("latent.sampled_reference", sampled.reference)
        return sampled
    }
}
