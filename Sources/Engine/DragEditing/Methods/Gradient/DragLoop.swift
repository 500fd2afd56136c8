import Diffusion
import Failures
import Settings
import TensorCore

/// The drag loop (docs/algorithm.md section 3): moves a latent until the content of the handle points lies at their targets.
///
///     z^k ─ U-Net ─┬─ features ─ tracking ─ motion supervision ─ G_l ─┐
///                  └─ ε ─ x0 ─ decoder ─ CLIP ─────────────── G_g ─ fusion ─ Adam ─ z^{k+1}
///
/// Both gradients share one forward pass, and one backward pass over the U-Net as a batch of two cotangents.
struct DragLoop {
    /// The numbers of every iteration: L with the mask term, L_g with its weight, cos⟨G_g, G_l⟩, ‖G_l‖ and ‖G_g‖.
    static let numberNames = ["motion_loss", "clip_loss", "cosine", "local_norm", "global_norm"]

    /// What the loop works on, as its passes read it.
    struct Input {
        let task: DragTask
        /// Guidance towards P_e; nil for `fusion: drag`.
        let guidance: TextGuidance?
        /// What may not change; nil without a mask.
        let mask: MaskTerm?
    }

    private let model: DiffusionModel
    private let settings: EditSettings
    private let input: Input
    private let run: MethodRun
    private let tracking: any HandleTracking
    private let radii: (supervision: Int, tracking: Int)
    /// Updates before which neither arrival nor patience ends the loop.
    private let leastSteps: Int
    /// Updates after arrival. What a stretch has put in its place need not settle.
    private let settleSteps: Int
    /// Whether a stretch has put every handle at its target. What P_e then moves is not dragged back.
    private let isStretchedWhole: Bool
    /// Whether the finished picture has the content where this latent has it. Where P_e guides the sampling after a whole stretch, it
    /// has the content where the stretch put it.
    private let isTracking: Bool
    /// Updates at most. Nothing arrives without drags, so a text alone ends after `text_steps` where that is set.
    private let stepLimit: Int
    private let clock = ContinuousClock()

    /// - Parameter tracking: nil: point tracking as the settings name it.
    init(
        _ model: DiffusionModel, _ settings: EditSettings, _ input: Input, _ run: MethodRun,
        tracking: (any HandleTracking)? = nil
    ) {
        self.model = model
        self.settings = settings
        self.input = input
        self.run = run
        radii = input.task.grid.radii(settings)
        self.tracking = tracking ?? PointTracking(settings, radius: radii.tracking)
        leastSteps = input.task.hasEditPrompt && input.guidance != nil ? settings.textSteps : 0
        settleSteps = input.task.stretched == nil ? settings.settleSteps : 0
        isStretchedWhole = input.task.isStretchedWhole(settings)
        isTracking = !(isStretchedWhole && input.task.hasEditPrompt && settings.textSampling > 0)
        let isTextAlone = input.task.handles.isEmpty && settings.textSteps > 0
        stepLimit = isTextAlone ? min(settings.dragStepLimit, settings.textSteps) : settings.dragStepLimit
    }

    /// Runs the loop.
    ///
    /// - Throws: what `report` throws; `edit.not_finite` when the latent is no longer a number.
    func edit() throws -> EditedLatent {
        let task = input.task
        var record = EditRecord(
            grid: task.grid, handles: task.handles, numberNames: Self.numberNames + tracking.numberNames,
            constants: ["radii": [radii.supervision, radii.tracking]])
        var z = task.start
        var adam = Adam(.init(settings), shape: z.shape)
        // F⁰ is the picture's own: the first pass gives it, unless the loop starts at a stretched picture.
        var tracking = tracking
        var initial = task.stretched.map { _ in begin(with: Pass(model, settings, task.inverted, task)) }
        var patience = Patience(limit: settings.patience, reach: settings.reach)
        var settled = 0
        var updates = LatentUpdates(settings, run.trace)
        var surroundings: SurroundingsSupervision?
        for k in 0..<stepLimit {
            if run.isOutOfTime() {
                record.outcome = .budget
                break
            }
            let start = clock.now
            let pass = Pass(model, settings, z, task)
            let first = initial ?? begin(with: pass)
            initial = first
            if k == 0 {
                tracking.begin(first.features, record.handles)
                surroundings = supervisedSurroundings(pass.features)
            }
            // With the stretched picture's own features as templates every handle is where the stretch put it.
            if isTracking, k > 0 || task.stretched != nil && surroundings == nil {
                tracking.track(&record.handles, in: pass.features, from: first.features)
            }
            var row = EditRecord.Iteration(k: k, handles: record.handles)
            row.numbers = tracking.numbers
            run.trace(traceName(k, "latent"), z)
            if let outcome = end(row, &patience, &settled) {
                record.outcome = outcome
                row.seconds = seconds(since: start, clock)
                record.iterations.append(row)
                break
            }
            let loss =
                surroundings?.loss(pass.features, handles: record.handles)
                ?? motion.loss(
                    pass.features, initial: first.features, handles: record.handles,
                    templates: tracking.templates)
            try updates.update(&z, &adam, &row, gradients(pass, k, of: loss, first))
            row.seconds = seconds(since: start, clock)
            record.iterations.append(row)
            record.previews.append(pass.prediction)
            try run.report(k + 1)
        }
        return EditedLatent(latent: z, record: record)
    }

    private func begin(with pass: Pass) -> Pass.Snapshot {
        run.trace("features.initial", pass.gridFeatures)
        return pass.snapshot
    }

    /// Step 3: why the loop ends with this iteration; nil: it goes on. Without drags nothing arrives.
    ///
    /// - Parameter settled: iterations so far with all handles arrived.
    private func end(_ row: EditRecord.Iteration, _ patience: inout Patience, _ settled: inout Int)
        -> EditRecord.Outcome?
    {
        guard !row.distances.isEmpty else { return nil }
        let haveArrived = isStretchedWhole || row.distances.allSatisfy { $0 < settings.reach }
        if haveArrived { settled += 1 }
        guard row.k >= leastSteps else { return nil }
        if haveArrived { return settled > settleSteps ? .reached : nil }
        return patience.isExhausted(by: row.distances) ? .stalled : nil
    }

    /// Motion supervision of patches.
    private var motion: MotionSupervision {
        MotionSupervision(settings, radius: radii.supervision, holdsArrived: settleSteps > 0)
    }

    /// What supervises the drags' surroundings; nil: patches are supervised.
    private func supervisedSurroundings(_ initial: FeatureMap) -> SurroundingsSupervision? {
        guard settings.motionArea != .patch, !input.task.handles.isEmpty else { return nil }
        let surroundings = SurroundingsSupervision(
            motion, handles: input.task.handles, initial: initial,
            isStretched: input.task.stretched != nil, mask: input.task.mask)
        return settings.motionArea == .surroundings || surroundings.reachesTargets ? surroundings : nil
    }

    /// Steps 4 and 5: both gradients.
    ///
    /// - Parameter motion: the motion supervision's loss, and its gradient to the features.
    private func gradients(
        _ pass: Pass, _ k: Int, of motion: (value: Double, gradient: Tensor), _ first: Pass.Snapshot
    ) -> Pass.Gradients {
        let held = input.mask.map {
            Pass.Held(mask: $0, latent: input.task.inverted, previous: first.previous)
        }
        return pass.gradients(of: motion, holding: held, towards: input.guidance, step: k)
    }
}

extension Adam.Settings {
    /// Adam on the latent.
    init(_ settings: EditSettings) {
        self.init(
            learningRate: settings.latentLearningRate, beta1: settings.beta1, beta2: settings.beta2,
            epsilon: settings.epsilon)
    }
}

/// Counts iterations in which no handle on its way came nearer to its target than it ever was.
struct Patience {
    private let limit: Int?
    private let reach: Double
    private var best: [Double] = []
    private var waited = 0

    /// - Parameter reach: a handle nearer to its target has arrived, and is no longer waited for.
    init(limit: Int?, reach: Double) {
        self.limit = limit
        self.reach = reach
    }

    /// Takes the next distances; whether more than `limit` iterations have passed without progress.
    mutating func isExhausted(by distances: [Double]) -> Bool {
        if best.isEmpty { best = distances.map { _ in .infinity } }
        let isProgress = zip(distances, best).contains { $0 >= reach && $0 < $1 || $0 < reach && $1 >= reach }
        best = zip(best, distances).map { min($0, $1) }
        waited = isProgress ? 0 : waited + 1
        return limit.map { waited > $0 } ?? false
    }
}
