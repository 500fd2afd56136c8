import Diffusion
import Failures
import Settings
import TensorCore

/// DiffCLIP (docs/methods/diffclip.md): a LoRA on the U-Net learns to sample what the edit prompt asks for.
///
///     z^0 ─ U-Net + LoRA ─ x0 ─ decoder ─ CLIP ─ L ─ gradient to the LoRA ─ Adam;  one update a sampling step, over and over
///     at the end: sampling from z^0 with the LoRA
///
/// Source: Kim et al., "DiffusionCLIP", CVPR 2022 (its "GPU-efficient" fine-tuning), with a LoRA in the place of the whole network.
public struct DiffCLIP: DragMethod {
    public let name = "diffclip"
    public let settingNames: Set<String> = [
        "max_steps", "diffclip.lr", "diffclip.keep", "beta1", "beta2", "eps",
    ]
    public let numberNames = ["direction_loss", "loss"]

    /// The method.
    public init() {}

    public func needs(_ settings: EditSettings) -> MethodNeeds {
        MethodNeeds(
            guide: true, guideHint: "Use another method", fineTuning: false, sampling: false,
            stretching: false)
    }

    /// A step: one pass, about two more on the way back to the weights, and the decoder both ways.
    public func cost(_ settings: EditSettings) -> MethodCost {
        MethodCost(
            steps: settings.dragStepLimit, step: Work(passes: 1, pullBacks: 2, decodes: 2),
            fixed: Work(passes: settings.invertedStepCount, decodes: 1), stepSettingNames: ["lora.rank"])
    }

    public func check(_ input: MethodInput, _ settings: EditSettings) throws(Failure) {
        guard input.hasEditPrompt else {
            throw Failure(
                .badSpec, code: "edit.no_text",
                message: "the method `\(name)` follows the edit prompt, and there is none",
                hint: "Write `prompt: {edit: …}`, or another `method`.")
        }
    }

    public func notes(_ handles: [HandlePoint], _ settings: EditSettings) -> [String] {
        handles.isEmpty ? [] : ["the method `\(name)` follows the text alone: nothing will be dragged"]
    }

    public func edit(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun
    ) throws -> EditedLatent {
        guard let guide = model.guide, let wish = task.wish, let source = task.source else {
            preconditionFailure("\(name) without a guide or the picture's latent")
        }
        let loss = DirectionalLoss(
            guide.clip, source: model.decode(Variable(source)).value,
            texts: (guide.embedding(of: task.prompts.source), wish), keep: settings.directionKeep)
        var training = try DirectionTraining(task, settings, model, loss, run)
        var record = EditRecord(grid: task.grid, handles: task.handles, numberNames: numberNames)
        for k in 0..<settings.dragStepLimit {
            if run.isOutOfTime() {
                record.outcome = .budget
                break
            }
            let start = ContinuousClock.now
            let step = training.update()
            var row = EditRecord.Iteration(k: k, handles: task.handles)
            row.numbers = ["direction_loss": step.direction, "loss": step.value]
            row.updateNorm = step.gradientNorm
            row.seconds = seconds(since: start, ContinuousClock())
            record.iterations.append(row)
            record.previews.append(step.prediction)
            guard step.value.isFinite else {
                throw Failure(
                    .badJob, code: "edit.not_finite",
                    message: "the loss is no longer finite after \(k + 1) steps",
                    hint: "Lower diffclip.lr.")
            }
            try run.report(k + 1)
        }
        let latent = training.sampled()
        run.trace("diffclip.latent", latent)
        return EditedLatent(latent: latent, record: record)
    }
}
