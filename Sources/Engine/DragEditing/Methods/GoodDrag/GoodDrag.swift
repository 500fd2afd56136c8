import Diffusion
import Settings

/// GoodDrag (docs/methods/gooddrag.md): drags and denoises by turns over several timesteps, and always compares with the source's
/// features around a handle's start.
public struct GoodDrag: GradientMethod {
    public let name = "gooddrag"
    public let ownSettingNames: Set<String> = [
        "r1", "r2", "step_length", "tracking", "tracking_template", "tracking_norm", "gooddrag.timesteps",
        "gooddrag.trackings",
        "gooddrag.motion_steps", "gooddrag.patience",
    ]
    public let numberNames = ["timestep"] + DragLoop.numberNames

    /// The method.
    public init() {}

    public func cost(_ settings: EditSettings) -> MethodCost {
        let steps = settings.dragTimesteps * settings.trackings * settings.motionSteps
        return MethodCost(
            steps: min(settings.dragStepLimit, steps), step: guidedStep(settings),
            // The source's pass and the denoising of one timestep, which the sampling would take otherwise.
            fixed: Work(passes: 2), stepSettingNames: stepSettingNames)
    }

    public func edit(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun
    ) throws -> EditedLatent {
        try AlternatingDrag(
            model, settings, task, run, guidance: guidance(task, settings, model),
            mask: maskTerm(task, weight: settings.maskWeight)
        ).edit()
    }
}
