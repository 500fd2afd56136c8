import Diffusion
import Settings
import TensorCore

/// FreeDrag (docs/methods/freedrag.md): no point tracking. Each handle's template moves along the line to its target by a search, and takes
/// over the features that it meets as far as they fit.
public struct FreeDrag: GradientMethod {
    public let name = "freedrag"
    public let ownSettingNames: Set<String> = [
        "r1", "freedrag.loss", "freedrag.distance", "freedrag.place_steps",
    ]
    public let numberNames = DragLoop.numberNames

    /// The method.
    public init() {}

    public func cost(_ settings: EditSettings) -> MethodCost {
        MethodCost(
            steps: settings.dragStepLimit, step: guidedStep(settings),
            // The source's pass and the first one.
            fixed: Work(passes: 2), stepSettingNames: stepSettingNames)
    }

    public func edit(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun
    ) throws -> EditedLatent {
        // The mean over all values of the latent, where the other methods take the sum.
        let weight = settings.maskWeight / Double(task.inverted.count)
        return try LineDrag(
            model, settings, task, run, guidance: guidance(task, settings, model),
            mask: maskTerm(task, weight: weight)
        ).edit()
    }
}
