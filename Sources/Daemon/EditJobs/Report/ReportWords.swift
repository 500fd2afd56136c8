import DragEditing
import Foundation
import Settings

/// The verdict in words, with its numbers.
struct ReportWords {
    /// Drags whose numbers are shown one by one.
    private static let shownDrags = 8

    private let trajectory: Trajectory

    init(_ trajectory: Trajectory) { self.trajectory = trajectory }

    /// The answer to whether the edit did what was asked.
    var answer: ReportRecord.Answer {
        ReportRecord.Answer(answer: trajectory.verdict.rawValue, words: trajectory.verdict.words)
    }

    /// The verdict, part by part.
    var parts: [ReportRecord.Part] { drags + [text, rest].compactMap { $0 } }

    private var drags: [ReportRecord.Part] {
        let handles = trajectory.handles
        let shown = handles.prefix(Self.shownDrags).indices.map { part(ofDrag: $0) }
        let others = handles.dropFirst(Self.shownDrags)
        guard !others.isEmpty else { return shown }
        let moved = others.count { $0.verdict == .moved }
        return shown + [
            ReportRecord.Part(
                title: "Drags \(Self.shownDrags + 1) to \(handles.count)", answer: "",
                words: "\(moved) of \(others.count) moved",
                sentence: "trajectory.json has their numbers.", numbers: [])
        ]
    }

    /// A drag's answer. The first drag's numbers say what all drags' numbers mean.
    private func part(ofDrag index: Int) -> ReportRecord.Part {
        let handle = trajectory.handles[index]
        func number(_ name: String, _ value: Double, _ meaning: String) -> ReportRecord.Part.Number {
            ReportRecord.Part.Number(name: name, value: value, meaning: index == 0 ? meaning : "")
        }
        return ReportRecord.Part(
            title: "Drag \(index + 1): \(point(handle.from)) → \(point(handle.to))",
            answer: handle.verdict.rawValue, words: handle.verdict.words, sentence: handle.verdict.sentence,
            numbers: [
                number(
                    "similarity after", handle.similarityAfter,
                    "How much the target now looks like what was at the handle: 1 is equal, 0 is unrelated."),
                number(
                    "similarity before", handle.similarityBefore,
                    "The same without the edit. The edit must raise it."),
                number(
                    "similarity possible", handle.similarityPossible,
                    "The same at the handle itself without the edit: the most that the model can show here."),
                number(
                    "distance left", handle.distance,
                    "Pixels from where the tracked point ended to the target."),
            ])
    }

    private var text: ReportRecord.Part? {
        let metrics = trajectory.metrics
        guard let after = metrics.clipScoreResult else { return nil }
        let rise = metrics.clipScoreSource.map { after - $0 }
        return ReportRecord.Part(
            title: "The text", answer: "", words: "“\(trajectory.prompt.edit)”",
            sentence: rise.map {
                $0 > 0
                    ? "CLIP finds that the result fits the text better than the source does."
                    : "CLIP finds that the result fits the text no better than the source does."
            } ?? "",
            numbers: [
                .init(
                    name: "CLIP score of the result", value: after,
                    meaning: "How well the result fits the edit prompt, by CLIP: higher fits better."),
                .init(
                    name: "CLIP score of the source", value: metrics.clipScoreSource,
                    meaning: "The same for the source."),
            ])
    }

    private var rest: ReportRecord.Part? {
        let change = trajectory.change
        return ReportRecord.Part(
            title: "What changed where", answer: "", words: percent(change.inside),
            sentence: "The mean change of the picture in the edited part, of the whole range of brightness.",
            numbers: [
                .init(
                    name: "change outside", value: change.outside,
                    meaning:
                        "The same outside the edited part, at the model's size: the result takes the source's pixels there."
                ),
                .init(
                    name: "noise", value: change.noise,
                    meaning: "What reconstructing the picture changes by itself, without an edit."),
            ])
    }

    /// Facts about the edit, by name.
    var facts: [[String]] {
        let prompt = trajectory.prompt
        var facts = [
            ["Source prompt", "\(prompt.source) (\(prompt.sourceOrigin.words))"],
            ["Edit prompt", prompt.edit == prompt.source ? "the same" : prompt.edit],
            ["The drag ended", "after \(trajectory.steps) steps: \(trajectory.outcome.words)"],
            ["Method", "\(trajectory.method), seed \(trajectory.seed)"],
        ]
        if let distance = trajectory.metrics.meanDistance {
            facts.append(["Mean distance", plainNumber((100 * distance).rounded() / 100)])
        }
        if let earlier = trajectory.duplicateOf { facts.append(["Repeats", earlier]) }
        return facts
    }

    private func point(_ point: RecordedPoint) -> String {
        "(\(plainNumber((10 * point.x).rounded() / 10)), \(plainNumber((10 * point.y).rounded() / 10)))"
    }

    private func percent(_ part: Double) -> String { "\(plainNumber((1000 * part).rounded() / 10)) %" }
}

extension Verdict.Answer {
    /// The answer in a few words.
    var words: String {
        switch self {
        case .moved: "moved"
        case .partly: "partly moved"
        case .unchanged: "unchanged"
        }
    }

    /// What the answer says of a drag.
    var sentence: String {
        switch self {
        case .moved: "What was at the handle is at the target now."
        case .partly: "The target looks more like what was at the handle, but not like all of it."
        case .unchanged: "The target looks as it did without the edit."
        }
    }
}

extension EditRecord.Outcome {
    /// Why the edit of the latent ended, in words.
    var words: String {
        switch self {
        case .reached: "every handle point arrived"
        case .maxSteps: "it did every step that the settings allow"
        case .budget: "the time was up"
        case .stalled: "the handle points came no nearer"
        }
    }
}

extension Caption.Origin {
    /// Where the source prompt comes from, in words.
    var words: String {
        switch self {
        case .spec: "from the spec"
        case .clip: "CLIP's own words"
        case .template: "a fixed phrase"
        case .command: "from the captioning program"
        }
    }
}

extension EditProgress.Stage {
    /// What people call the stage.
    var title: String {
        switch self {
        case .fineTuning: "Fine-tuning"
        case .inverting: "Inversion"
        case .dragging: "Drag"
        case .sampling: "Sampling"
        case .judging: "Verdict"
        }
    }
}
