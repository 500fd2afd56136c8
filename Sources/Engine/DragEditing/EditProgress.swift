/// What an edit is doing.
public struct EditProgress: Sendable, Equatable {
    /// The stages, in order.
    public enum Stage: String, Sendable, Codable, CaseIterable {
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
    /// Whether the stage is skipped, because its result is known from an earlier edit.
    public let isRestored: Bool

    /// `step` of `total` done in `stage`.
    public init(stage: Stage, step: Int, total: Int, isRestored: Bool = false) {
        self.stage = stage
        self.step = step
        self.total = total
        self.isRestored = isRestored
    }
}

/// Receives every step. An error that it throws ends the edit; callers cancel an edit this way.
public typealias ProgressReport = (EditProgress) throws -> Void
