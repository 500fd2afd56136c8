import Diffusion
import TensorCore

/// Stages 2 to 4: inversion, the method's edit and sampling, or what an earlier run of the request gave that failed after them.
struct EditAndSampling {
    private let identity: Identity
    private let scene: Scene
    private let known: KnownStages
    private let memory: (any StageMemory)?

    init(_ identity: Identity, _ scene: Scene, known: KnownStages, memory: (any StageMemory)?) {
        (self.identity, self.scene, self.known, self.memory) = (identity, scene, known, memory)
    }

    func run(_ stages: StageRunner, _ budget: TimeBudget, _ trace: Trace) throws -> SampledEdit {
        if let sampled = known.sampled, identity.isWhole {
            let steps = scene.inversion.timesteps.count
            try stages.restore(.inverting, of: steps)
            try stages.restore(.dragging, of: sampled.record.steps)
            try stages.restore(.sampling, of: steps)
            return sampled
        }
        let path = try Inverting(identity, scene).run(stages, known: known, memory: memory, trace)
        let inverted = path[path.count - 1]
        let edited = try LatentEditing(identity, scene).run(
            stages, source: path[0], inverted: inverted, isOutOfTime: budget.dragEnd(), trace)
        // A method that samples by itself has the picture's own latent as its reconstruction.
        let latents =
            try scene.request.method.needs(scene.settings).sampling
            ? Sampling(identity, scene).run(
                stages, reference: edited.reference ?? inverted, edit: edited.latent, edited.record,
                from: edited.sampledSteps, trace)
            : Sampling.Sampled(edit: edited.latent, reference: path[0])
        var record = edited.record
        record.guidance = latents.guidance
        let sampled = SampledEdit(edit: latents.edit, reference: latents.reference, record: record)
        // A budget decides by the clock: another run may give more.
        if identity.isWhole && edited.record.outcome != .budget { memory?.remember(sampled) }
        return sampled
    }
}
