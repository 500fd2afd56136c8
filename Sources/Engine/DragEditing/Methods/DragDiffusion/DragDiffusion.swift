import Diffusion
import Settings

/// DragDiffusion (docs/methods/dragdiffusion.md): CLIPDrag's loop without a text, whose motion supervision compares what lies one
/// step ahead of a handle with what lies at the handle now, and whose tracking admits every cell.
///
/// Its published settings make the difference (`MethodRow`): `motion_template: current` and `tracking: nearest`.
public struct DragDiffusion: GradientMethod {
    public let name = "dragdiffusion"
    public let ownSettingNames = GradientSettings.ofDragLoop

    /// The method.
    public init() {}

    public func edit(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun
    ) throws -> EditedLatent { try followDragLoop(task, settings, model, run) }
}
