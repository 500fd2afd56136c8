import Diffusion
import Settings
import TensorCore

/// Alternating drag and denoising: at each of the first `drag_timesteps` timesteps some drag steps, then one denoising step of edit and
/// source. The source's own pass at a timesteps gives the features F⁰_t and x⁰_{t−1} that the drag steps compare with.
///
/// Source: docs/methods/gooddrag.md; oracle `methods/gooddrag.py`.
struct AlternatingDrag {
    private let model: DiffusionModel
    private let settings: EditSettings
    private let task: DragTask
    private let run: MethodRun
    private let guidance: TextGuidance?
    private let mask: MaskTerm?
    private let radii: (supervision: Int, tracking: Int)
    private let clock = ContinuousClock()

    /// What changes from step to step.
    private struct State {
        var edit, reference: Tensor
        var record: EditRecord
        /// Timesteps that are done.
        var denoised = 0
        /// Trackings in a row after which no handle had moved.
        var still = 0
        var updates: LatentUpdates
        /// Why the drag ended; nil: it goes on.
        var outcome: EditRecord.Outcome?
    }

    init(
        _ model: DiffusionModel, _ settings: EditSettings, _ task: DragTask, _ run: MethodRun,
        guidance: TextGuidance?, mask: MaskTerm?
    ) {
        self.model = model
        self.settings = settings
        self.task = task
        self.run = run
        self.guidance = guidance
        self.mask = mask
        radii = task.grid.radii(settings)
    }

    /// - Throws: what `report` throws; `edit.not_finite`.
    func edit() throws -> EditedLatent {
        var state = State(
            edit: task.start, reference: task.inverted,
            record: EditRecord(
                grid: task.grid, handles: task.handles, numberNames: GoodDrag().numberNames,
                constants: ["radii": [radii.supervision, radii.tracking]]),
            updates: LatentUpdates(settings, run.trace))
        let timesteps = model.schedule.timesteps(stepCount: settings.stepCount)
            .filter { $0 <= task.timestep }.prefix(settings.dragTimesteps)
        for t in timesteps where state.outcome == nil {
            let original = Pass(
                model, settings, state.reference, task, at: t, isDifferentiable: false)
            if state.denoised == 0 { run.trace("features.initial", original.gridFeatures) }
            try drag(&state, at: t, original)
            // Out of time: the sampling under reference control takes this step too.
            if state.outcome == .budget { break }
            state.edit =
                Pass(model, settings, state.edit, task, at: t, isDifferentiable: false).denoised
            state.reference = original.denoised
            state.denoised += 1
        }
        state.record.outcome = state.outcome ?? .maxSteps
        return EditedLatent(
            latent: state.edit, reference: state.reference, sampledSteps: state.denoised,
            record: state.record)
    }

    /// The drag steps at a timestep. Adam begins anew, because the latent is another one.
    private func drag(_ state: inout State, at t: Timestep, _ original: Pass) throws {
        let first = original.snapshot
        var adam = Adam(.init(settings), shape: state.edit.shape)
        // At the source's own latent every handle is where it is.
        var isTracked = state.denoised == 0 && task.stretched == nil
        for _ in 0..<settings.trackings {
            for step in 0..<settings.motionSteps {
                let k = state.record.iterations.count
                if k >= settings.dragStepLimit { state.outcome = .maxSteps }
                if run.isOutOfTime() { state.outcome = .budget }
                if state.outcome != nil { return }
                let start = clock.now
                let pass = Pass(model, settings, state.edit, task, at: t)
                if !isTracked { track(&state.record.handles, in: pass, from: first) }
                isTracked = true
                var row = EditRecord.Iteration(k: k, handles: state.record.handles)
                row.numbers["timestep"] = Double(t)
                run.trace(traceName(k, "latent"), state.edit)
                if let outcome = end(row, state.still) {
                    row.seconds = seconds(since: start, clock)
                    state.record.iterations.append(row)
                    state.outcome = outcome
                    return
                }
                let gradients = pass.gradients(
                    of: motion(pass, state.record.handles, first),
                    holding: mask.map {
                        Pass.Held(mask: $0, latent: state.reference, previous: first.previous)
                    }, towards: guidance, step: k)
                try state.updates.update(&state.edit, &adam, &row, gradients)
                row.seconds = seconds(since: start, clock)
                state.record.iterations.append(row)
                state.record.previews.append(pass.prediction)
                try run.report(k + 1)
                if step == settings.motionSteps - 1 {
                    let before = state.record.handles
                    track(&state.record.handles, in: pass, from: first)
                    state.still = state.record.handles == before ? state.still + 1 : 0
                }
            }
        }
    }

    /// The handles' places, found in the features of a pass; the released code takes the pass before the last update.
    private func track(_ handles: inout [HandlePoint], in pass: Pass, from first: Pass.Snapshot) {
        let tracking = PointTracking(settings, radius: radii.tracking)
        for i in handles.indices {
            handles[i].position = tracking.track(handles[i], in: pass.features, initial: first.features)
        }
    }

    /// Information-preserving motion supervision: (2·r1)² times the mean difference to F⁰_t around the handle's start.
    private func motion(
        _ pass: Pass, _ handles: [HandlePoint], _ first: Pass.Snapshot
    ) -> (value: Double, gradient: Tensor) {
        let side = Double(2 * radii.supervision)
        return MotionSupervision(
            radius: radii.supervision, reach: settings.reach, stepLength: settings.stepLength,
            reduction: .mean(times: side * side)
        ).loss(pass.features, initial: first.features, handles: handles)
    }

    private func end(_ row: EditRecord.Iteration, _ still: Int) -> EditRecord.Outcome? {
        guard !row.distances.isEmpty else { return nil }
        if row.distances.allSatisfy({ $0 < settings.reach }) { return .reached }
        return still >= settings.stillTrackings ? .stalled : nil
    }
}
