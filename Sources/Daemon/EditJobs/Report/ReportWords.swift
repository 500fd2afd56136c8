import DragEditing
import Foundation
import Settings
import Verdicts

/// The verdict in words, with its numbers.
struct ReportWords {
    /// Drags whose numbers are shown one by one.
    private static let shownDrags = 8

    private let trajectory: Trajectory

    init(_ trajectory: Trajectory) { self.trajectory = trajectory }

    /// The verdict, part by part: the drags, the text, damage.
    var parts: [ReportRecord.Part] { drags + [text, damage].compactMap { $0 } }

    // MARK: - Drags

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
            answer: handle.verdict.mood.rawValue, words: handle.verdict.words,
            sentence: handle.verdict.sentence,
            numbers: [
                number(
                    "part", handle.part,
                    "Where the pixels of the handle are found now: 0 at the handle, 1 at the target."),
                number(
                    "mismatch", handle.mismatch,
                    "How much these pixels differ from those of the source: 0 is not at all."),
                number(
                    "similarity after", handle.similarityAfter,
                    "How much the target now looks to the model like what was at the handle: 1 is equal."),
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

    // MARK: - Text and damage

    private var text: ReportRecord.Part? {
        guard let answer = trajectory.verdict.text else { return nil }
        let title = "The text “\(trajectory.prompt.edit)”"
        guard let text = trajectory.evidence.text else {
            return ReportRecord.Part(
                title: title, answer: answer.mood.rawValue, words: answer.words,
                sentence: "The model has no CLIP that could tell.", numbers: [])
        }
        let contrast = text.contrast.map { contrast in
            ReportRecord.Part.Number(
                name: "contrast, from \(short(contrast.source))", value: contrast.result,
                meaning:
                    "How much more the picture shows the text than the source prompt, for the distance of the two texts."
            )
        }
        return ReportRecord.Part(
            title: title, answer: answer.mood.rawValue, words: answer.words, sentence: answer.sentence,
            numbers: [
                .init(
                    name: "standing, from \(short(text.standingSource))", value: text.standingResult,
                    meaning: "How far the text's score lies above those of other texts, in their deviations."),
                .init(
                    name: "lead, from \(short(text.leadSource))", value: text.leadResult,
                    meaning: "How far it lies above the score of the source prompt."),
                .init(
                    name: "place among \(text.texts) texts, from \(text.rankSource)",
                    value: Double(text.rankResult), meaning: "1: no other text fits the result better."),
                .init(
                    name: "views that fit better", value: text.viewsRisen,
                    meaning:
                        "Part of the views of the picture in which the text fits better than in the source."
                ),
            ] + [contrast].compactMap(\.self))
    }

    private func outlines(_ found: Verdict.Outlines?) -> [ReportRecord.Part.Number] {
        guard let found else { return [] }
        return [
            .init(
                name: "outlines", value: found.likeness,
                meaning: "How alike the outlines are, whatever their colours: 1 is the same."),
            .init(
                name: "new outlines", value: found.new,
                meaning: "Strong outlines that the source lacks, as a part of its own."),
            .init(
                name: "strength of outlines", value: found.strength,
                meaning: "1 is as strong as in the source. Torn things have more outlines."),
        ]
    }

    private var damage: ReportRecord.Part {
        let (answer, damage) = (trajectory.verdict.damage, trajectory.evidence.damage)
        return ReportRecord.Part(
            title: "Damage", answer: answer.mood.rawValue, words: answer.words, sentence: answer.sentence,
            numbers: [
                .init(
                    name: "changed", value: damage.changed, meaning: "Part of the picture that changed."),
                .init(
                    name: "lost", value: damage.lost,
                    meaning: "Part of the changed content that is nowhere near any more."),
                .init(
                    name: "new", value: damage.new,
                    meaning: "Part of the changed content that was nowhere near before."),
                .init(
                    name: "colour", value: damage.colour,
                    meaning: "How far the colours of the same content went."),
                .init(
                    name: "sharpness", value: damage.sharpness,
                    meaning: "Fine detail where something changed: 1 is as much as in the source."),
                .init(
                    name: "outside", value: damage.outside,
                    meaning: "Mean change outside what may change."),
            ] + outlines(damage.outlines))
    }

    // MARK: - Facts

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
            facts.append(["Mean distance", short(distance)])
        }
        if let earlier = trajectory.duplicateOf { facts.append(["Repeats", earlier]) }
        return facts
    }

    private func point(_ point: RecordedPoint) -> String {
        "(\(plainNumber((10 * point.x).rounded() / 10)), \(plainNumber((10 * point.y).rounded() / 10)))"
    }

    private func short(_ value: Double) -> String { plainNumber((100 * value).rounded() / 100) }
}

/// How an answer looks: a badge's colour.
enum Mood: String, Sendable { case good, middling, bad }

extension EditVerdict {
    /// The worst of what the answers say: severe damage outweighs a drag that moved.
    var mood: Mood {
        var first = drag?.mood ?? text?.mood ?? .middling
        if first == .good && text == TextAnswer.none { first = .middling }
        switch damage {
        case .severe: return .bad
        case .slight: return first == .good ? .middling : first
        case .none: return first
        }
    }

    /// The answers for people: `moved, text unclear, slightly damaged`.
    var sentence: String {
        [drag?.words, text.map { "text \($0.words)" }, damage == .none ? nil : damage.words].compactMap { $0 }
            .joined(separator: ", ")
    }
}

extension EditVerdict.Movement {
    var mood: Mood {
        switch self {
        case .moved: .good
        case .partly: .middling
        case .unchanged: .bad
        }
    }

    /// The answer in a few words.
    var words: String { self == .partly ? "partly moved" : rawValue }

    /// What the answer says of a drag.
    var sentence: String {
        switch self {
        case .moved: "What was at the handle is at the target now."
        case .partly: "What was at the handle went a part of the way, or not all of it."
        case .unchanged: "What was at the handle is still there."
        }
    }
}

extension EditVerdict.TextAnswer {
    var mood: Mood {
        switch self {
        case .visible: .good
        case .unclear: .middling
        case .none: .bad
        }
    }

    var words: String { self == .none ? "not shown" : rawValue }

    /// What the answer says of the picture.
    var sentence: String {
        switch self {
        case .visible: "The picture shows the text: no other text fits it better."
        case .unclear: "The picture may show the text: CLIP is not sure."
        case .none: "The picture does not show the text."
        }
    }
}

extension EditVerdict.Damage {
    var mood: Mood {
        switch self {
        case .none: .good
        case .slight: .middling
        case .severe: .bad
        }
    }

    var words: String {
        switch self {
        case .none: "undamaged"
        case .slight: "slightly damaged"
        case .severe: "damaged"
        }
    }

    /// What the answer says of the picture.
    var sentence: String {
        switch self {
        case .none: "Content is whole, its colours and its detail are those of the source."
        case .slight: "A little of the content, the colours or the detail is lost."
        case .severe: "Content, colours or detail are lost."
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
