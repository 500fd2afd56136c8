import DragEditing
import Failures
import Foundation
import Imaging
import JSON
import Settings
import Verdicts
import WebPages

/// report.html: one page about one edit, which needs no other file.
public struct Report {
    /// Its file in the result folder.
    public static let fileName = "report.html"
    /// Characters of a spec at most: a longer one is cut, and the page says so.
    private static let specLimit = 100_000

    let record: ReportRecord

    /// - Parameters:
    ///   - spec: the text of spec.yaml.
    ///   - source: nil where the picture is not at hand.
    ///   - mask: at the picture's size; nil: none, or not at hand.
    ///   - recommended: the model's own values; nil where the model is not at hand.
    ///   - digests: SHA-256 of files, by name.
    /// - Throws: `image.…` when a picture cannot be written.
    public init(
        _ trajectory: Trajectory, spec: String, source: Image?, edited: Image, mask: EditMask?,
        recommended: [(name: String, value: SettingValue)]?, digests: [(key: String, value: String)]
    ) throws(Failure) {
        let pictures = try ReportPictures(source: source, edited: edited, mask: mask)
        let words = ReportWords(trajectory)
        let curves = ReportCurves(trajectory)
        let verdict = ShownVerdict(trajectory.verdict)
        let times = ReportTimes(trajectory)
        record = ReportRecord(
            name: trajectory.job.name, finished: trajectory.job.finished, preset: trajectory.preset,
            seconds: times.total, model: .init(name: trajectory.model.name),
            answer: .init(answer: verdict.answer, words: verdict.words),
            parts: words.parts, facts: words.facts, origin: Self.origin(trajectory, digests),
            width: trajectory.image.width, height: trajectory.image.height, shown: pictures.shown,
            before: pictures.before, mask: pictures.mask, after: pictures.after, drags: curves.drags,
            steps: curves.steps, stepCount: trajectory.iterations.count, series: curves.series,
            fineTuning: curves.fineTuning, fineTuningSteps: trajectory.fineTuningLosses.count,
            fineTuningMeaning: "How well the model predicts noise on this picture; it learns its identity.",
            settings: Self.differences(trajectory, recommended), stages: times.stages, totals: times.totals,
            notes: trajectory.notes,
            spec: spec.count > Self.specLimit
                ? "\(spec.prefix(Self.specLimit))\n# … spec.yaml has the rest\n" : spec)
    }

    /// The page.
    public var html: String { WebPage.report.html(JSONValue(encoding: record)) }

    /// Settings that are not the preset's, and where their values come from.
    static func differences(_ trajectory: Trajectory, _ recommended: [(name: String, value: SettingValue)]?)
        -> [ReportRecord.Difference]
    {
        let preset = Preset(rawValue: trajectory.preset) ?? .recommended
        let plain = (try? preset.settings()) ?? EditSettings()
        let ofModel = recommended.flatMap { try? preset.settings(model: $0) }
        let here = trajectory.settings.settings
        return Setting.all.compactMap { setting in
            let (value, usual) = (setting.value(in: here), setting.value(in: plain))
            guard value != usual else { return nil }
            let origin =
                ofModel.map { setting.value(in: $0) == value ? "the model" : "the job" } ?? "model or job"
            return ReportRecord.Difference(
                name: setting.name, text: setting.text, value: value.shown, preset: usual.shown,
                origin: origin)
        }
    }

    private static func origin(_ trajectory: Trajectory, _ digests: [(key: String, value: String)])
        -> [[String]]
    {
        let (job, model, image) = (trajectory.job, trajectory.model, trajectory.image)
        return [
            ["Model", "\(model.name), computed in \(model.precision)"],
            ["Model's weights", model.sha256],
            [
                "Picture",
                "\(image.width)×\(image.height), the model's copy \(image.workingWidth)×\(image.workingHeight)",
            ],
            ["Picture's file", image.sha256],
            ["Job", "\(job.id), try \(job.attempt)"],
            ["Made by", "clipdragd \(job.version) on \(job.host)"],
        ] + digests.map { [$0.key, $0.value] }
    }
}

/// Times and memory against the forecast.
struct ReportTimes {
    private let trajectory: Trajectory

    init(_ trajectory: Trajectory) { self.trajectory = trajectory }

    /// Seconds of the whole edit.
    var total: Double { trajectory.job.seconds["total"] ?? 0 }

    var stages: [ReportRecord.Stage] {
        EditProgress.Stage.allCases.compactMap { stage in
            let forecast = trajectory.forecast?.seconds[stage.rawValue]
            let seconds = trajectory.job.seconds[stage.rawValue]
            let isRestored = trajectory.job.restored.contains(stage)
            guard seconds != nil || forecast != nil || isRestored else { return nil }
            return ReportRecord.Stage(
                title: stage.title, seconds: seconds ?? 0, forecast: forecast,
                note: isRestored ? "from the cache" : nil)
        }
    }

    var totals: [[String?]] {
        func time(_ seconds: Double) -> String {
            seconds < 90
                ? "\(plainNumber((10 * seconds).rounded() / 10)) s" : "\(Int((seconds / 60).rounded())) min"
        }
        func megabytes(_ bytes: Int) -> String { "\(bytes / 1_000_000) MB" }
        return [
            ["In all", time(total), trajectory.forecast?.seconds["total"].map { "at most \(time($0))" }],
            [
                "Peak memory", megabytes(trajectory.job.peakMemory),
                trajectory.forecast.map { megabytes($0.memory) },
            ],
        ]
    }
}

extension SettingValue {
    /// The value as people write it.
    fileprivate var shown: String {
        switch self {
        case .integer(let n): String(n)
        case .number(let x): plainNumber(x)
        case .word(let word): word
        case .flag(let flag): String(flag)
        case .none: "null"
        }
    }
}

/// A trajectory's verdict as lists show it.
public struct ShownVerdict: Sendable, Equatable {
    /// A badge's colour: `good`, `middling` or `bad`.
    public let answer: String
    /// The answers for people.
    public let words: String

    /// The verdict of a trajectory's record; nil where it has none that this version knows.
    public init?(of record: JSONValue) {
        guard let verdict = record["verdict"],
            let damage = verdict["damage"]?.string.flatMap({ EditVerdict.Damage(rawValue: $0) })
        else { return nil }
        self.init(
            EditVerdict(
                drag: verdict["drag"]?.string.flatMap { EditVerdict.Movement(rawValue: $0) },
                text: verdict["text"]?.string.flatMap { EditVerdict.TextAnswer(rawValue: $0) },
                damage: damage))
    }

    init(_ verdict: EditVerdict) { (answer, words) = (verdict.mood.rawValue, verdict.sentence) }
}
