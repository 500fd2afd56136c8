import Diffusion
import TensorCore

/// Stage 2 (docs/algorithm.md section 2): z_0 … z_t of the picture, known or computed.
struct Inverting {
    private let identity: Identity
    private let scene: Scene

    init(_ identity: Identity, _ scene: Scene) {
        self.identity = identity
        self.scene = scene
    }

    /// A known path belongs to a whole fine-tuning, and so does one that is worth remembering. For a method that does not
    /// invert the path is z_0 alone.
    func run(
        _ stages: StageRunner, known: KnownStages, memory: (any StageMemory)?, _ trace: Trace
    ) throws -> [Tensor] {
        let steps = scene.inversion.timesteps.count
        let path: [Tensor]
        guard scene.request.method.needs(scene.settings).inversion else {
            path = [identity.model.vae.scalingFactor * scene.posterior.value.mean]
            trace("latent.encoded", path[0])
            return path
        }
        if let knownPath = known.path, identity.isWhole {
            try stages.restore(.inverting, of: steps)
            path = knownPath
        } else {
            path = try stages.run(.inverting, of: steps) { report in
                let model = identity.model
                return try Inversion(model, scene.settings).path(
                    from: model.vae.scalingFactor * scene.posterior.value.mean, text: scene.text,
                    report: report)
            }
            if identity.isWhole { memory?.remember(path: path) }
        }
        trace("latent.encoded", path[0])
        trace("latent.path", .stacked(path))
        trace("latent.inverted", path[path.count - 1])
        return path
    }
}
