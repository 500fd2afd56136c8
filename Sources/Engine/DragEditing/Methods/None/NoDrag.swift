import Diffusion
import Settings
import TensorCore

/// The method `none`: no drag. The latent stays where the edit begins, as with `max_steps: 0`.
public struct NoDrag: DragMethod {
    public let name = "none"
    public let settingNames: Set<String> = []
    public let numberNames: [String] = []

    /// The method.
    public init() {}

    public func needs(_ settings: EditSettings) -> MethodNeeds { MethodNeeds() }

    public func cost(_ settings: EditSettings) -> MethodCost { MethodCost(steps: 0, step: Work()) }

    public func edit(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun
    ) -> EditedLatent {
        EditedLatent(latent: task.start, record: EditRecord(grid: task.grid, handles: task.handles))
    }
}
