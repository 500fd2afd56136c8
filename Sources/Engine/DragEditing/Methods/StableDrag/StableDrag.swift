import Diffusion
import Settings

/// StableDrag (docs/methods/stabledrag.md): DragDiffusion's loop with a tracker that learns each handle against its surroundings, and
/// whose confidence decides what motion supervision compares with.
public struct StableDrag: GradientMethod {
    public let name = "stabledrag"
    public let ownSettingNames: Set<String> = [
        "r1", "r2", "step_length", "motion_reduction", "text_steps", "patience", "stabledrag.filter_steps",
        "stabledrag.filter_share",
        "stabledrag.confidence",
    ]
    public let numberNames = DragLoop.numberNames + ["confidence"]

    /// The method.
    public init() {}

    public func edit(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun
    ) throws -> EditedLatent {
        let radius = task.grid.radii(settings).tracking
        return try followDragLoop(
            task, settings, model, run, tracking: ConfidentTracking(settings, radius: radius))
    }
}
