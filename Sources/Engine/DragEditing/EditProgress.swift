/// What an edit is doing.
public struct EditProgress: Sendable, Equatable {
    /// The stages, in order.
    public enum Stage: String, Sendable, CaseIterable {
        case fineTuning = "fine-tune"
        case inverting = "invert"
        case dragging = "drag"
        case sampling = "sample"
        case judging = "judge"
    }

    /// The present stage.
    public let stage: Stage
    /// Steps of it done.
    public let step: Int
    /// Steps it has at most.
    public let total: Int
    /// Whether the stage is not done at all: what it gives was known from an earlier edit.
    public let isRestored: Bool

    /// `step` of `total` done in `stage`.
    public init(stage: Stage, step: Int, total: Int, isRestored: Bool = false) {
        self.stage = stage
        self.step = step
        self.total = total
        self.isRestored = isRestored
    }
}

/// Told of every step. What it throws ends the edit: this is how an edit is cancelled.
public typealias ProgressReport = (EditProgress) throws -> Void
