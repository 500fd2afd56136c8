/// What an edit did: one answer to each of three questions (docs/verdict.md).
///
/// Trajectories, the daemon's records, its metrics, its journal and the hook's event have it in this form.
public struct EditVerdict: Codable, Sendable, Equatable {
    /// Whether the content at the handle points moved to the target points.
    public enum Movement: String, Codable, Sendable, CaseIterable { case moved, partly, unchanged }
    /// Whether the picture shows the edit prompt.
    public enum TextAnswer: String, Codable, Sendable, CaseIterable { case visible, unclear, none }
    /// Whether the edit damaged the picture.
    public enum Damage: String, Codable, Sendable, CaseIterable { case none, slight, severe }

    /// The answer about the drags; nil: the job has none.
    public var drag: Movement?
    /// The answer about the edit prompt; nil: the job has none.
    public var text: TextAnswer?
    /// The answer about damage.
    public var damage: Damage

    /// A verdict.
    public init(drag: Movement?, text: TextAnswer?, damage: Damage) {
        (self.drag, self.text, self.damage) = (drag, text, damage)
    }

    /// Each question that was asked, with its answer.
    public var answers: [(question: String, answer: String)] {
        [("drag", drag?.rawValue), ("text", text?.rawValue), ("damage", damage.rawValue)]
            .compactMap { question, answer in answer.map { (question, $0) } }
    }

    /// All answers on one line: “drag moved, text unclear, damage none”.
    public var words: String {
        answers.map { "\($0.question) \($0.answer)" }.joined(separator: ", ")
    }

    /// The verdict in one word: the answer about the drags; without drags the answer about the edit prompt, in the drags' words.
    public var summary: Movement {
        if let drag { return drag }
        switch text {
        case .visible: return .moved
        case .unclear: return .partly
        case nil, .some(.none): return .unchanged
        }
    }

    /// Every question with all answers that it can have.
    public static let questions: [(question: String, answers: [String])] = [
        ("drag", Movement.allCases.map(\.rawValue)), ("text", TextAnswer.allCases.map(\.rawValue)),
        ("damage", Damage.allCases.map(\.rawValue)),
    ]
}
