import DragEditing
import Diffusion
import Digests
import Foundation
import Imaging
import JSON
import JobFiles
import Settings
import SpecParser
import TensorCore
import Verdicts

extension Trajectory {
    /// The file of the record.
    var file: ResultFile { ResultFile(key: "trajectory", name: ResultRecord.fileName, bytes: bytes) }

    /// The record of a finished edit.
    ///
    /// - Parameter files: all other files of the result.
    init(of edit: FinishedEdit, files: [ResultFile]) {
        let (request, result, verdict) = (edit.request, edit.result, edit.judgement.verdict)
        job = Job(edit)
        model = Model(
            name: edit.model.name, precision: Kernels.precision.rawValue, sha256: edit.modelIdentity.weights)
        image = Picture(
            width: edit.source.width, height: edit.source.height, workingWidth: result.working.shape[2],
            workingHeight: result.working.shape[1], sha256: edit.plan.imageDigest)
        prompt = Prompt(
            source: edit.caption.text, edit: request.editPrompt ?? edit.caption.text,
            sourceOrigin: edit.caption.origin)
        preset = edit.plan.preset
        method = edit.plan.method.name
        seed = Int(edit.plan.parsed.spec.seed)
        settings = RecordedSettings(edit.plan.settings)
        outcome = result.record.outcome
        self.verdict = verdict.answers
        summary = verdict.answers.summary
        evidence = Evidence(text: verdict.text, damage: verdict.damage)
        stretch = result.record.stretch.map { Stretch(seconds: $0.seconds) }
        steps = result.record.steps
        handles = edit.plan.drags.indices.map { RecordedHandle(edit, drag: $0) }
        iterations = result.record.iterations.map { RecordedIteration($0, result.record) }
        change = verdict.change
        metrics = Figures(
            clipScoreSource: edit.judgement.clipScoreSource,
            clipScoreReconstruction: edit.judgement.clipScoreReconstruction,
            clipScoreResult: edit.judgement.clipScoreResult, meanDistance: edit.judgement.meanDistance)
        fineTuningLosses = result.fineTuningLosses
        notes = edit.notes
        self.files = OrderedFields(
            files.map { ($0.key, $0.name) } + [("trajectory", ResultRecord.fileName)])
        sha256 = OrderedFields(files.map { ($0.name, Digest.sha256($0.bytes)) })
        forecast = edit.forecast.map { ForecastRecord($0) }
        duplicateOf = edit.identity.duplicateOf
    }
}

extension FinishedEdit {
    /// The plan's notes, and those that only the finished edit can give.
    var notes: [String] {
        let vanished =
            result.maskVanished ? ["the mask has no cell left at latent size: everything could change"] : []
        let planned = request.lora == nil ? plan.settings.lora.steps : 0
        let done = result.fineTuningLosses.count
        let cut = done < planned ? ["the budget ended fine-tuning after \(done) of \(planned) steps"] : []
        return plan.notes + vanished + cut + (result.record.guidance?.notes ?? [])
    }
}

extension EditRecord.Guidance {
    /// What `text_layout: auto` chose, where that is not the free layout.
    fileprivate var notes: [String] {
        guard layout != .free, let replaced else { return [] }
        let why = "the edit prompt would replace \(Int((100 * replaced).rounded())) % of the picture"
        return layout == nil
            ? ["\(why) and not show: sampling leaves it out. Try other words that the model knows"]
            : ["\(why): the edit is drawn anew by it. `text_layout: kept` keeps the shapes"]
    }
}

extension Trajectory.Job {
    init(_ edit: FinishedEdit) {
        let now = Date()
        id = edit.identity.id
        name = edit.identity.name
        attempt = edit.identity.attempt
        host = ProcessInfo.processInfo.hostName
        version = Version.current
        started = Self.timestamp(edit.started)
        finished = Self.timestamp(now)
        seconds = stageSeconds(edit.result.seconds, total: edit.began.secondsUntilNow)
        restored = edit.result.restored
        peakMemory = EditJobs.peakMemory()
    }

    /// A moment as ISO 8601 with milliseconds, UTC.
    private static func timestamp(_ date: Date) -> String {
        date.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true)) + "Z"
    }
}

extension RecordedHandle {
    init(_ edit: FinishedEdit, drag index: Int) {
        let (record, drag) = (edit.result.record, edit.plan.drags[index])
        let final = record.grid.point(of: record.handles[index].position)
        let movement = edit.judgement.verdict.movements[index]
        self.init(
            from: RecordedPoint(drag.handle), to: RecordedPoint(drag.target), final: RecordedPoint(final),
            distance: final.distance(to: drag.target),
            guided: record.guided(ofDrag: index).map { RecordedPoint(record.grid.point(of: $0)) },
            stretched: record.stretch.map { RecordedPoint(record.grid.point(of: $0.positions[index])) },
            verdict: movement.answer, part: movement.part, mismatch: movement.mismatch,
            similarityBefore: movement.similarityBefore,
            similarityAfter: movement.similarityAfter, similarityPossible: movement.similarityPossible,
            path: [RecordedPoint(drag.handle)]
                + record.path(ofDrag: index).dropFirst().map { RecordedPoint(record.grid.point(of: $0)) })
    }
}

extension RecordedIteration {
    init(_ row: EditRecord.Iteration, _ record: EditRecord) {
        self.init(
            k: row.k, numbers: record.numberNames.map { ($0, row.numbers[$0]) },
            distances: row.distances.map { $0 * record.grid.pixelsPerCell },
            handles: row.handles.map { RecordedPoint(record.grid.point(of: $0)) }, seconds: row.seconds)
    }
}

/// The process's largest resident size so far, bytes.
func peakMemory() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
}
