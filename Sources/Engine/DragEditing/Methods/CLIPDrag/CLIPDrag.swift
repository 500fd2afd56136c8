import Diffusion
import Settings

/// CLIPDrag (docs/algorithm.md section 3): motion supervision and CLIP's text gradient move the latent together.
public struct CLIPDrag: GradientMethod {
    public let name = "clipdrag"
    public let ownSettingNames = GradientSettings.ofDragLoop

    /// The method.
    public init() {}

    public func edit(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun
    ) throws -> EditedLatent { try followDragLoop(task, settings, model, run) }
}
