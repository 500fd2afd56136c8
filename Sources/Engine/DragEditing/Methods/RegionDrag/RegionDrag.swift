import Diffusion
import Failures
import Settings
import TensorCore

/// RegionDrag (docs/methods/regiondrag.md): copies a region's latent to another region while it denoises.
///
///     x_0 ─ noise ─ x_n;  from x_n back:  target cells ← source cells of the stored x_t, outside the mask ← x_t,
///                                         keys and values of every self-attention ← the stored latent's
///
/// Source: Lu et al., "RegionDrag: Fast Region-Based Image Editing with Diffusion Models", ECCV 2024.
public struct RegionDrag: DragMethod {
    public let name = "regiondrag"
    public let settingNames: Set<String> = ["regiondrag.source_noise"]
    public let numberNames = ["timestep", "pasted_cells"]

    /// The method.
    public init() {}

    public func needs(_ settings: EditSettings) -> MethodNeeds {
        MethodNeeds(
            fineTuning: false, mask: true, inversion: false, sampling: false, stretching: false, regions: true
        )
    }

    /// A step: one pass over the stored latent, which gives keys, values and noise, and one over the edit.
    public func cost(_ settings: EditSettings) -> MethodCost {
        MethodCost(
            steps: settings.invertedStepCount, step: Work(passes: 2), isCuttable: false, isTimed: false)
    }

    public func check(_ input: MethodInput, _ settings: EditSettings) throws(Failure) {
        guard !input.drags.isEmpty else { throw noDrags(name) }
        guard input.mask != nil || input.drags.allSatisfy({ $0.regions != nil }) else {
            throw Failure(
                .badSpec, code: "edit.no_regions",
                message: "the method `\(name)` moves regions, and a drag of points without a mask names none",
                hint:
                    "Write drags as {from: {circle: [x, y, r]}, to: {circle: [x, y, r]}}, or add `mask:` over what moves."
            )
        }
    }

    public func edit(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun
    ) throws -> EditedLatent {
        let stride = model.schedule.stride(stepCount: settings.stepCount)
        let shape = task.inverted.shape
        let path = StochasticPath(
            from: task.inverted, timesteps: try Inversion(model, settings).timesteps, stride: stride,
            model.schedule
        ) { run.draw("path.\($0)", shape) }
        let mapping = RegionMapping(task, size: Size(height: shape[1], width: shape[2]))
        let control = ReferenceControl(firstLayer: 0)
        let text = model.textStates(task.prompts.edit)
        var record = EditRecord(grid: task.grid, handles: task.handles, numberNames: numberNames)
        var latent = mapping.noised(
            path.latents[path.timesteps.count], run.draw("source", shape), scale: Float(settings.sourceNoise))
        for (k, i) in path.timesteps.indices.reversed().enumerated() {
            let start = ContinuousClock.now
            let stored = path.latents[i + 1]
            latent = mapping.pasted(latent, from: stored).kept(where: task.mask, else: stored)
            run.trace("regiondrag.\(k).latent", latent)
            let output = model.unet(
                Variable(.stacked([stored, latent])), timesteps: [path.timesteps[i]], text: text,
                control: control
            ).noise.value
            let before = latent
            latent = path.back(i, edit: latent, outputs: (output.sample(0), output.sample(1)))
            var row = EditRecord.Iteration(k: k, handles: record.handles)
            row.numbers = [
                "timestep": Double(path.timesteps[i]), "pasted_cells": Double(mapping.moves.count),
            ]
            row.updateNorm = (latent - before).norm
            row.seconds = seconds(since: start, ContinuousClock())
            record.iterations.append(row)
            record.previews.append(path.prediction(i, edit: before, output: output.sample(1)))
            for h in record.handles.indices { record.handles[h].position = record.handles[h].target }
            try run.report(k + 1)
        }
        record.outcome = .reached
        return EditedLatent(latent: latent, record: record)
    }
}
