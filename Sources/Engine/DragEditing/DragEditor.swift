import Diffusion
import Failures
import Settings
import TensorCore

/// Edits pictures (docs/algorithm.md). A request's method edits the latent; the stages around it are the same for all.
///
/// Synchronous and pure: the same request gives the same bytes. Everything random comes from the request's seed.
public struct DragEditor {
    private let model: DiffusionModel
    private let now: () -> Double

    /// An editor over a loaded model.
    ///
    /// - Parameter now: the seconds of the clock that `budget` is measured by.
    public init(_ model: DiffusionModel, now: @escaping () -> Double = monotonicSeconds) {
        self.model = model
        self.now = now
    }

    /// Makes an edit: prepare → personalise → invert → edit → sample → finish.
    ///
    /// - Parameters:
    ///   - memory: of what fine-tuning and inversion gave before; the result is the same with and without.
    ///   - record: receives intermediate tensors; nil: none is computed for it.
    ///   - report: called after every step; what it throws ends the edit.
    /// - Throws: `Failure`, or what `report` throws.
    public func edit(
        _ request: EditRequest, memory: (any StageMemory)? = nil, record: Trace.Receiver? = nil,
        report: @escaping ProgressReport = { _ in }
    ) throws -> EditResult {
        let begun = now()
        let stages = StageRunner(report)
        let trace = Trace(record)

        let scene = try Scene(request, model)
        scene.record(in: trace)
        let known = KnownStages(memory, scene)
        let budget = TimeBudget(request.settings.budget, since: begun, scene.cost, now: now) {
            scene.passOnce(model)
        }
        try budget.check(isInverted: known.path != nil)

        let identity = try Personalisation(model, scene).run(
            stages, known: known, memory: memory, isOutOfTime: budget.fineTuningEnd())
        let sampled = try EditAndSampling(identity, scene, known: known, memory: memory).run(
            stages, budget, trace)
        let pictures = try Pictures(decoding: sampled, model, scene, trace)

        return EditResult(
            image: pictures.image, decoded: pictures.decoded, reconstruction: pictures.reconstruction,
            unstretched: pictures.unstretched, working: scene.working,
            stretch: pictures.stretch, record: pictures.record,
            mask: scene.mask.shown(sampled.record.guidance),
            fineTuningLosses: identity.losses, lora: identity.lora, unet: identity.model.unet,
            text: scene.text, timestep: scene.inversion.editedTimestep, latentSize: scene.latentSize,
            maskVanished: scene.mask.vanished, seconds: stages.seconds, restored: stages.restored)
    }
}

/// Seconds of a clock that never goes back.
public func monotonicSeconds() -> Double { (ContinuousClock.now - processStart) / .seconds(1) }

private let processStart = ContinuousClock.now

/// Seconds passed on a clock.
func seconds(since start: ContinuousClock.Instant, _ clock: ContinuousClock) -> Double {
    (clock.now - start) / .seconds(1)
}
