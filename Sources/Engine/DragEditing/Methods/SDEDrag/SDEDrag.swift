import Diffusion
import Failures
import Foundation
import Settings
import TensorCore

/// SDE-Drag (docs/methods/sdedrag.md): copies a square of the noised latent a little towards the target, goes back by the
/// reverse SDE with the noise that the way there implies, and repeats.
///
///     x_0 ─ noise ─ x_n ─ copy and paste ─ y_n ─ reverse SDE with guidance ─ y_0 = the next x_0
///
/// Source: Nie et al., "The Blessing of Randomness: SDE Beats ODE in General Diffusion-based Image Editing", ICLR 2024.
public struct SDEDrag: DragMethod {
    public let name = "sdedrag"
    public let settingNames: Set<String> = [
        "sdedrag.paste_step", "sdedrag.paste_radius", "sdedrag.paste_gain", "sdedrag.source_kept",
        "sdedrag.guidance",
        "sdedrag.lora_scale",
    ]
    public let numberNames = ["pasted_cells"]

    /// The method.
    public init() {}

    public func needs(_ settings: EditSettings) -> MethodNeeds {
        MethodNeeds(mask: true, inversion: false, sampling: false, stretching: false)
    }

    public func cost(_ settings: EditSettings) -> MethodCost { cost(settings, longestDrag: 1) }

    /// A step is one copy and its whole way there and back. Guidance doubles its passes.
    public func cost(_ settings: EditSettings, longestDrag cells: Double) -> MethodCost {
        MethodCost(
            steps: Self.pasteCount(cells, step: settings.pasteStep),
            step: Work(passes: settings.invertedStepCount * (settings.guidance == 1 ? 2 : 4)), isTimed: false)
    }

    public func check(_ input: MethodInput, _ settings: EditSettings) throws(Failure) {
        guard !input.drags.isEmpty else { throw noDrags(name) }
    }

    /// How many copies of about `step` cells a drag of `cells` takes: the whole number whose part is nearest to `step`.
    static func pasteCount(_ cells: Double, step: Double) -> Int {
        guard cells > step else { return 1 }
        let count = (cells / step).rounded(.down)
        return abs(cells / count - step) > abs(cells / (count + 1) - step) ? Int(count) + 1 : Int(count)
    }

    public func edit(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun
    ) throws -> EditedLatent {
        let size = Size(height: task.inverted.shape[1], width: task.inverted.shape[2])
        let drags = task.handles.map { LatentDrag($0, on: task.grid, latent: size) }
        let longest = drags.map(\.length).max() ?? 0
        let count = Self.pasteCount(longest, step: settings.pasteStep)
        let radius =
            settings.pasteRadius ?? max(1, Int((5 * Double(size.longerSide) / 64).rounded(.toNearestOrEven)))
        let cycle = try PasteCycle(task, settings, model)
        var record = EditRecord(
            grid: task.grid, handles: task.handles, numberNames: numberNames, constants: ["radii": [radius]])
        var latent = task.inverted
        for k in 0..<count {
            if run.isOutOfTime() {
                record.outcome = .budget
                return EditedLatent(latent: latent, record: record)
            }
            let start = ContinuousClock.now
            let pastes = drags.map { $0.paste(k, of: count, radius: radius, size) }
            var row = EditRecord.Iteration(k: k, handles: record.handles)
            let before = latent
            latent = cycle.run(latent, pastes, number: k, run)
            row.numbers = ["pasted_cells": Double(pastes.reduce(0) { $0 + $1.cells })]
            row.updateNorm = (latent - before).norm
            row.seconds = seconds(since: start, ContinuousClock())
            record.iterations.append(row)
            record.previews.append(latent)
            move(&record.handles, part: Double(k + 1) / Double(count))
            try run.report(k + 1)
        }
        record.outcome = .reached
        return EditedLatent(latent: latent, record: record)
    }

    /// The handle points a part of the way to their targets.
    private func move(_ handles: inout [HandlePoint], part: Double) {
        for i in handles.indices {
            let (start, target) = (handles[i].start, handles[i].target)
            handles[i].position = GridCell(
                row: start.row + Int((part * Double(target.row - start.row)).rounded()),
                column: start.column + Int((part * Double(target.column - start.column)).rounded()))
        }
    }
}

/// A drag in whole cells of the latent.
private struct LatentDrag {
    let from: GridCell
    let down, right: Int

    init(_ handle: HandlePoint, on grid: FeatureGrid, latent: Size) {
        func cell(_ place: GridCell) -> GridCell {
            GridCell(
                row: place.row * latent.height / grid.size.height,
                column: place.column * latent.width / grid.size.width)
        }
        from = cell(handle.start)
        let to = cell(handle.target)
        (down, right) = (to.row - from.row, to.column - from.column)
    }

    var length: Double { Double(down * down + right * right).squareRoot() }

    /// The drag after `part` of `count` copies; cut towards zero.
    private func place(_ part: Int, of count: Int) -> GridCell {
        GridCell(row: from.row + part * down / count, column: from.column + part * right / count)
    }

    /// Copy `k` of `count`: as large as fits into the latent around both places.
    func paste(_ k: Int, of count: Int, radius: Int, _ size: Size) -> Paste {
        let (source, target) = (place(k, of: count), place(k + 1, of: count))
        func reach(_ a: Int, _ b: Int, below end: Int) -> Range<Int> {
            -min(radius, a, b)..<max(0, min(radius, end - 1 - a, end - 1 - b))
        }
        return Paste(
            source: source, target: target, rows: reach(source.row, target.row, below: size.height),
            columns: reach(source.column, target.column, below: size.width))
    }
}

/// One square that is copied: offsets from both places.
struct Paste {
    let source, target: GridCell
    let rows, columns: Range<Int>
    var cells: Int { rows.count * columns.count }
}
