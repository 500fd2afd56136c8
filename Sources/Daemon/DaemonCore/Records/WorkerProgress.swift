import JSON

/// The line with a worker's progress.
public struct WorkerProgress: Record, Equatable {
    public static let schema = "clipdrag-progress/1"

    /// The stage of the edit.
    public let stage: String
    /// Steps of the stage that are done, and all of them.
    public let step, total: Int?
    /// Whether the stage comes from the cache of an earlier edit.
    public let restored: Bool?
    /// Seconds that the edit takes at most, about; told once.
    public let forecast: Double?

    public init(stage: String, step: Int?, total: Int?, restored: Bool?, forecast: Double? = nil) {
        (self.stage, self.step, self.total, self.restored) = (stage, step, total, restored)
        self.forecast = forecast
    }
}
