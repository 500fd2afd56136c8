import Diffusion
import Digests
import DragEditing
import DurableFiles
import Foundation
import Imaging
import JobFiles
import JSON
import Settings
import SpecParser
import TensorCore

/// What was found out about an edit after it.
struct Judgement {
    let verdict: Verdict
    let clipScoreSource, clipScoreResult, meanDistance: Double?
}

/// trajectory.json (`clipdrag-trajectory/1`): all that is known of an edit; points in pixels of the upright input.
struct Trajectory {
    let json: JSONValue

    init(
        job: JobIdentity, started: Date, plan: JobPlan, caption: Caption, model: DiffusionModel,
        identity: ModelIdentity,
        request: EditRequest,
        result: EditResult, forecast: EditPace.Forecast?, judged: Judgement, products: [JobProduct]
    ) {
        let stages = EditProgress.Stage.allCases.compactMap { stage in
            result.seconds[stage].map { (key: stage.rawValue, value: JSONValue.number(rounded($0))) }
        }
        let finished = Date()
        var fields: [(key: String, value: JSONValue)] = [("schema", .string("clipdrag-trajectory/1"))]
        fields.append(
            (
                "job",
                .object([
                    ("id", .string(job.id)), ("name", .string(job.name)),
                    ("attempt", .integer(job.attempt)),
                    ("host", .string(ProcessInfo.processInfo.hostName)),
                    ("version", .string(Version.current)),
                    ("started", .string(timestamp(started))), ("finished", .string(timestamp(finished))),
                    (
                        "seconds",
                        .object(stages + [("total", .number(rounded(finished.timeIntervalSince(started))))])
                    ),
                    ("restored", .array(result.restored.map { .string($0.rawValue) })),
                    ("peak_memory", .integer(peakMemory())),
                ])
            ))
        fields.append(
            (
                "model",
                .object([
                    ("name", .string(model.name)), ("precision", .string(Kernels.precision.rawValue)),
                    ("sha256", .string(identity.weights)),
                ])
            ))
        fields.append(
            (
                "image",
                .object([
                    ("width", .integer(plan.image?.width ?? 0)),
                    ("height", .integer(plan.image?.height ?? 0)),
                    ("working_width", .integer(result.working.shape[2])),
                    ("working_height", .integer(result.working.shape[1])),
                    ("sha256", .string(plan.imageDigest)),
                ])
            ))
        fields.append(
            (
                "prompt",
                .object([
                    ("source", .string(caption.text)), ("edit", .string(request.editPrompt ?? caption.text)),
                    ("source_origin", .string(caption.origin.rawValue)),
                ])
            ))
        fields.append(("preset", .string(plan.preset)))
        fields.append(("method", .string(plan.method.name)))
        fields.append(("seed", .integer(Int(plan.parsed.spec.seed))))
        fields.append(("settings", Self.settings(plan.settings)))
        fields.append(("outcome", .string(result.record.outcome.rawValue)))
        fields.append(("verdict", .string(judged.verdict.answer.rawValue)))
        fields.append(("steps", .integer(result.record.steps)))
        fields.append(("handles", .array(Self.handles(plan.drags, result, judged.verdict))))
        fields.append(
            ("iterations", .array(result.record.iterations.map { Self.iteration($0, result.record) })))
        fields.append(
            (
                "change",
                .object([
                    ("inside", .number(judged.verdict.changeInside)),
                    ("outside", .number(judged.verdict.changeOutside)),
                    ("noise", .number(judged.verdict.noise)),
                ])
            ))
        fields.append(
            (
                "metrics",
                .object([
                    ("clip_score_source", .optional(judged.clipScoreSource)),
                    ("clip_score_result", .optional(judged.clipScoreResult)),
                    ("mean_distance", .optional(judged.meanDistance)),
                ])
            ))
        fields.append(("fine_tuning_losses", .array(result.fineTuningLosses.map { .number($0) })))
        let vanished =
            result.maskVanished ? ["the mask has no cell left at latent size: everything could change"] : []
        let planned = request.lora == nil ? plan.settings.lora.steps : 0
        let cut =
            result.fineTuningLosses.count < planned
            ? ["the budget ended fine-tuning after \(result.fineTuningLosses.count) of \(planned) steps"] : []
        fields.append(("notes", .array((plan.notes + vanished + cut).map { .string($0) })))
        fields.append(("files", Self.files(products.map(\.name) + ["trajectory.json"])))
        fields.append(
            ("sha256", .object(products.map { ($0.name, .string(Digest.sha256($0.bytes))) })))
        if let forecast { fields.append(("forecast", forecast.json)) }
        if let earlier = job.duplicateOf { fields.append(("duplicate_of", .string(earlier))) }
        json = .object(fields)
    }

    private static func settings(_ settings: EditSettings) -> JSONValue {
        let top = Setting.ungrouped.map { (key: $0.name, value: $0.value(in: settings).json) }
        let groups = Setting.groups.map { group in
            let members = group.members.map { (key: $0.key, value: $0.setting.value(in: settings).json) }
            return (key: group.name, value: JSONValue.object(members))
        }
        return .object(top + groups)
    }

    private static func point(_ p: ImagePoint) -> JSONValue { .array([.number(p.x), .number(p.y)]) }

    private static func handles(_ drags: [Drag], _ result: EditResult, _ verdict: Verdict)
        -> [JSONValue]
    {
        drags.indices.map { i in
            let record = result.record
            let final = record.grid.point(of: record.handles[i].position)
            let pair = verdict.pairs[i]
            return .object([
                ("from", point(drags[i].handle)), ("to", point(drags[i].target)),
                ("final", point(final)),
                ("distance", .number(final.distance(to: drags[i].target))),
                ("verdict", .string(pair.answer.rawValue)),
                ("similarity_before", .number(pair.similarityBefore)),
                ("similarity_after", .number(pair.similarityAfter)),
                ("similarity_possible", .number(pair.similarityPossible)),
                ("path", .array(record.path(ofDrag: i).map { point(record.grid.point(of: $0)) })),
            ])
        }
    }

    private static func iteration(_ row: EditRecord.Iteration, _ record: EditRecord) -> JSONValue {
        let numbers = record.numberNames.map { (key: $0, value: JSONValue.optional(row.numbers[$0])) }
        return .object(
            [("k", .integer(row.k))] + numbers + [
                ("distances", .array(row.distances.map { .number($0 * record.grid.pixelsPerCell) })),
                ("handles", .array(row.handles.map { point(record.grid.point(of: $0)) })),
                ("seconds", .number(row.seconds)),
            ])
    }

    private static func files(_ names: [String]) -> JSONValue {
        .object(names.map { name in (stem(name) == "spec" ? "spec" : stem(name), .string(name)) })
    }
}

private func rounded(_ seconds: Double) -> Double { (seconds * 1000).rounded() / 1000 }

/// A moment as ISO 8601 with milliseconds, UTC.
func timestamp(_ date: Date) -> String {
    date.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true)) + "Z"
}

/// The process's largest resident size so far, bytes.
func peakMemory() -> Int {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    return (line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) } ?? 0) * 1024
}
