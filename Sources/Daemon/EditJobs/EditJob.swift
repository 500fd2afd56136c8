import Diffusion
import DragEditing
import DurableFiles
import Failures
import Foundation
import Imaging
import RegionEditing
import ServiceConfiguration
import JobFiles
import JSON
import ModelManagement
import Settings
import SpecParser
import TensorCore
import Verdicts

/// The identity of a job, for its trajectory.
public struct JobIdentity: Sendable {
    /// Unique.
    public var id: String
    /// The name under which it is published.
    public var name: String
    /// Which try this is, from 1.
    public var attempt: Int
    /// The name of an earlier job that it repeats.
    public var duplicateOf: String?

    /// A job.
    public init(id: String, name: String, attempt: Int = 1, duplicateOf: String? = nil) {
        self.id = id
        self.name = name
        self.attempt = attempt
        self.duplicateOf = duplicateOf
    }
}

/// The results of judging an edit.
struct Judgement {
    let verdict: Verdict
    let clipScoreSource, clipScoreReconstruction, clipScoreResult, meanDistance: Double?
}

/// What a job gives.
public struct JobProducts {
    /// The files of its result folder.
    public let files: [ResultFile]
    /// What the edit did.
    public let verdict: EditVerdict
    /// Things worth knowing that are no errors.
    public let notes: [String]
    /// To be called once the files are written. Until then the cache holds the sampled edit: if a late step fails, the next
    /// run does that step alone.
    public let settle: () -> Void
}

/// Makes a job's files from its plan.
public struct EditJob {
    private let model: DiffusionModel
    private let options: JobOptions
    private let added: (file: LoRAFile, scale: Float)?

    /// Jobs on a loaded model. It reads the LoRA of the options, and adds the part for the text encoder.
    public init(_ model: DiffusionModel, _ options: JobOptions) throws(Failure) {
        self.options = options
        guard let path = options.lora else {
            self.model = model
            added = nil
            return
        }
        let file = try LoRAFile(path: path, for: model)
        let scale = Float(options.loraScale)
        var changed = model
        changed.textEncoder = model.textEncoder.merging(file.text.scaled(by: scale))
        self.model = changed
        added = (file, scale)
    }

    /// Runs a job.
    ///
    /// - Parameters:
    ///   - imagePath: the picture's path, for a captioning command.
    ///   - cache: results of earlier jobs.
    ///   - trace: receives the trace of the run.
    ///   - announce: receives the forecast before the edit begins, if there is a cache.
    ///   - warn: receives a sentence about something that did not work, although the edit goes on.
    ///   - report: receives every step; an error that it throws ends the job.
    /// - Throws: `Failure`, or what `report` throws.
    public func run(
        _ plan: JobPlan, identity: JobIdentity, imagePath: String, cache: JobCache? = nil,
        trace: TraceRecorder? = nil, announce: (EditPace.Forecast) -> Void = { _ in },
        warn: (String) -> Void = { _ in },
        report: @escaping ProgressReport
    ) throws -> JobProducts {
        do {
            return try make(
                plan, identity, imagePath, cache, trace, announce: announce, warn: warn, report: report)
        } catch let failure as Failure {
            throw try blamingModel(for: failure)
        }
    }

    private func make(
        _ plan: JobPlan, _ identity: JobIdentity, _ imagePath: String, _ cache: JobCache?,
        _ trace: TraceRecorder?, announce: (EditPace.Forecast) -> Void, warn: (String) -> Void,
        report: @escaping ProgressReport
    ) throws -> JobProducts {
        guard let image = plan.image, let region = plan.region else {
            preconditionFailure("a plan without a picture cannot be run")
        }
        let regional = RegionalEdit(image, region, plan)
        // The date for people; what passes is counted by a clock that nobody sets.
        let (started, began) = (Date(), ContinuousClock.now)
        let pixels = Tensor([1, image.height, image.width, 3], Matte(behind: image).flattened(image))
        var plan = plan
        let caption =
            plan.parsed.spec.sourcePrompt.map { Caption(text: $0, origin: .spec) }
            ?? CaptionChain(model, options.captions, early: options.earlyCaptions, cache: cache).caption(
                pixels, path: imagePath
            ) {
                plan.notes.append($0)
                warn($0)
            }
        var request = regional.request(plan, sourcePrompt: caption.text)
        let textLoRA = added.map { added in
            request.lora = added.file.unet.scaled(by: added.scale)
            return added.file.text.scaled(by: added.scale)
        }
        request.otherTexts = otherTexts
        let modelIdentity = try ModelIdentity(folder: model.folder, cache: cache)
        let stages = cache.map {
            CachedStages($0, request, model, identity: modelIdentity, textLoRA: textLoRA)
        }
        var forecast: EditPace.Forecast?
        if let cache, let size = plan.latentSize(model.folder) {
            var known = stages?.known ?? []
            if request.lora != nil { known.insert(.fineTuning) }
            forecast = try RememberedPace(
                of: model, modelIdentity, size: size, plan: plan, cache: cache
            ).pace.forecast(plan.cost(latent: size), budget: request.settings.budget, without: known)
            if let forecast { announce(forecast) }
        }
        // The budget is the whole job's: what captioning and calibrating took is gone.
        request.settings.budget = plan.settings.budget.map { max(0, $0 - began.secondsUntilNow) }
        var result = try DragEditor(model).edit(
            request, memory: stages, record: trace?.receiver, report: report)
        trace?.finish(result, request)

        if caption.origin != .spec, let cut = PlanNotes.cut(caption.text, "the caption", model.folder) {
            plan.notes.append(cut)
        }
        if let added, let path = options.lora {
            plan.notes.append(
                "the LoRA \(lastComponent(path)), times \(added.scale), took the place of fine-tuning")
            if added.file.doesNothing || added.scale == 0 {
                plan.notes.append(
                    "the LoRA \(lastComponent(path)) does nothing: its change of the model is 0")
            }
        }
        try report(EditProgress(stage: .judging, step: 0, total: 1))
        releaseIdleMemory()
        let judgingBegan = ContinuousClock.now
        let edited = regional.finished(result)
        let judgement = judge(plan, request, result, shown: regional.seen(edited, like: result.working))
        if let note = regional.note(result) { plan.notes.append(note) }
        result = regional.placed(result)
        result.seconds[.judging] = judgingBegan.secondsUntilNow
        let finished = FinishedEdit(
            identity: identity, started: started, began: began, plan: plan, source: image, edited: edited,
            caption: caption, model: model, modelIdentity: modelIdentity, request: request, result: result,
            forecast: forecast, judgement: judgement)
        let files = try ResultOutputs.files(of: finished)
        try report(EditProgress(stage: .judging, step: 1, total: 1))
        return JobProducts(
            files: files, verdict: judgement.verdict.answers, notes: finished.notes,
            settle: { stages?.forgetSampled() })
    }

    /// The failure of an edit whose values are no numbers any more. A weight that is none is at fault, not the settings: a
    /// model folder need not have been verified.
    ///
    /// - Throws: `model.values`, naming file and tensor.
    private func blamingModel(for failure: Failure) throws(Failure) -> Failure {
        if failure.code == "edit.not_finite" { _ = try ModelStore.verify(model.folder) }
        return failure
    }

    /// Phrases of the captioner's vocabulary; none where it cannot be read.
    private var otherTexts: [String] {
        let vocabulary = try? Vocabulary(configured: options.captions.vocabulary, model: model.folder)
        return vocabulary?.sample ?? []
    }

    /// - Parameter shown: the finished picture at working size.
    private func judge(_ plan: JobPlan, _ request: EditRequest, _ result: EditResult, shown: Tensor)
        -> Judgement
    {
        let metrics = Metrics(model)
        let wish = request.editPrompt ?? request.sourcePrompt
        func score(_ picture: Tensor) -> Double? {
            plan.output.metrics == .none ? nil : metrics.clipScore(picture, text: wish)
        }
        let verdict = Judge(model, result, shown: shown, drags: request.drags).verdict(
            seed: request.seed, wish: request.editPrompt,
            own: request.sourcePrompt, others: request.otherTexts)
        let distance =
            plan.output.metrics == .full
            ? metrics.meanDistance(result, drags: request.drags, seed: request.seed) : nil
        return Judgement(
            verdict: verdict, clipScoreSource: score(result.working),
            clipScoreReconstruction: score(result.reconstruction), clipScoreResult: score(result.decoded),
            meanDistance: distance)
    }
}

extension ContinuousClock.Instant {
    /// Seconds from this moment to now.
    var secondsUntilNow: Double { (ContinuousClock.now - self) / .seconds(1) }
}
