import Diffusion
import Failures
import Settings
import TensorCore

/// FastDrag (docs/methods/fastdrag.md): one warp of the inverted latent inside the mask, without optimisation.
///
///     z_t ─ latent warpage ─ nearest-neighbour interpolation of the holes ─ sampling beside the reference
///
/// Source: Zhao et al., "FastDrag: Manipulate Anything in One Step", NeurIPS 2024.
public struct FastDrag: DragMethod {
    public let name = "fastdrag"
    public let settingNames: Set<String> = []
    public let numberNames = ["moved_cells", "filled_cells"]

    /// The method.
    public init() {}

    public func needs(_ settings: EditSettings) -> MethodNeeds {
        MethodNeeds(fineTuning: false, mask: true, stretching: false, regions: true)
    }

    public func cost(_ settings: EditSettings) -> MethodCost {
        MethodCost(steps: 0, step: Work(), isTimed: false)
    }

    public func check(_ input: MethodInput, _ settings: EditSettings) throws(Failure) {
        guard !input.drags.isEmpty else { throw noDrags(name) }
        guard input.mask != nil || settings.autoMask || input.drags.allSatisfy({ $0.regions != nil }) else {
            throw Failure(
                .badSpec, code: "edit.no_mask",
                message: "the method `\(name)` moves what a mask covers, and there is none",
                hint: "Add `mask:` over what moves, write regions as drags, or set auto_mask: true.")
        }
    }

    public func edit(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun
    ) throws -> EditedLatent {
        var record = EditRecord(grid: task.grid, handles: task.handles, numberNames: numberNames)
        let size = Size(height: task.inverted.shape[1], width: task.inverted.shape[2])
        let warp = LatentWarp(
            domain: domain(task, size), handles: task.handles.map { pull($0, task.grid, size) })
        let warped = warp.warped(task.inverted)
        var row = EditRecord.Iteration(k: 0, handles: task.handles)
        row.numbers = ["moved_cells": Double(warp.moves.count), "filled_cells": Double(warp.holes.count)]
        row.updateNorm = (warped - task.inverted).norm
        record.iterations.append(row)
        for i in record.handles.indices { record.handles[i].position = record.handles[i].target }
        record.outcome = .reached
        return EditedLatent(latent: warped, record: record)
    }

    /// What moves: the regions that drags come from, or the mask.
    private func domain(_ task: DragTask, _ size: Size) -> EditMask {
        let none = EditMask(size: size, values: Array(repeating: false, count: size.height * size.width))
        let regions = task.regions.compactMap { $0?.from }
        if regions.count == task.handles.count { return none.union(regions) }
        return none.union(regions + (task.mask.map { [$0] } ?? []))
    }

    /// A drag in cells of the latent. Handle points lie on the feature grid.
    private func pull(_ handle: HandlePoint, _ grid: FeatureGrid, _ size: Size) -> LatentWarp.Pull {
        let rows = Double(size.height) / Double(grid.size.height)
        let columns = Double(size.width) / Double(grid.size.width)
        return LatentWarp.Pull(
            row: Double(handle.start.row) * rows, column: Double(handle.start.column) * columns,
            down: Double(handle.target.row - handle.start.row) * rows,
            right: Double(handle.target.column - handle.start.column) * columns)
    }
}

/// The error of a method that works on drags alone.
func noDrags(_ method: String) -> Failure {
    Failure(
        .badSpec, code: "edit.no_drags", message: "the method `\(method)` needs drags, and there are none",
        hint: "Write `drags:`, or another `method`.")
}
