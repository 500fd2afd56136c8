import Diffusion
import Settings
import TensorCore

/// A model that knows the picture's identity.
struct Identity {
    /// The model with the LoRA in its U-Net.
    let model: DiffusionModel
    /// The model without it.
    let untuned: DiffusionModel
    /// The LoRA that was trained or given.
    let lora: LoRA?
    /// Losses of fine-tuning.
    let losses: [Double]
    /// Whether no budget has cut the fine-tuning short: only then what follows is worth remembering.
    let isWhole: Bool
}

/// Stage 1 (docs/algorithm.md section 1): the request's LoRA, a known one, or fine-tuning.
struct Personalisation {
    private let model: DiffusionModel
    private let scene: Scene

    init(_ model: DiffusionModel, _ scene: Scene) {
        self.model = model
        self.scene = scene
    }

    func run(
        _ stages: StageRunner, known: KnownStages, memory: (any StageMemory)?, isOutOfTime: () -> Bool
    ) throws -> Identity {
        let settings = scene.settings.lora
        if let given = scene.request.lora { return identity(given, [], isWhole: true) }
        guard settings.steps > 0 else { return identity(nil, [], isWhole: true) }
        if let tuned = known.fineTuned {
            try stages.restore(.fineTuning, of: settings.steps)
            return identity(tuned.lora, tuned.losses, isWhole: tuned.losses.count == settings.steps)
        }
        var draws = RandomDraws(seed: scene.request.seed, trainingSteps: model.schedule.trainingSteps)
        let trained = try stages.run(.fineTuning, of: settings.steps) { report in
            try FineTuning(model, settings).train(
                posterior: scene.posterior.value, text: scene.text, draws: &draws, isOutOfTime: isOutOfTime,
                report: report)
        }
        let isWhole = trained.losses.count == settings.steps
        if isWhole { memory?.remember(FineTuned(lora: trained.lora, losses: trained.losses)) }
        return identity(trained.lora, trained.losses, isWhole: isWhole)
    }

    private func identity(_ lora: LoRA?, _ losses: [Double], isWhole: Bool) -> Identity {
        var personal = model
        if let lora { personal.unet = model.unet.merging(lora) }
        return Identity(model: personal, untuned: model, lora: lora, losses: losses, isWhole: isWhole)
    }
}
