import TensorCore

/// Runs the stages one after the other: it reports their steps, times them and notes which were restored.
final class StageRunner {
    /// Seconds of every stage that ran.
    private(set) var seconds: [EditProgress.Stage: Double] = [:]
    /// Stages that an earlier edit had done.
    private(set) var restored: [EditProgress.Stage] = []
    private let report: ProgressReport
    private let clock = ContinuousClock()

    init(_ report: @escaping ProgressReport) { self.report = report }

    /// Runs a stage.
    ///
    /// - Parameter work: gets a function to call after each of the `total` steps.
    func run<T>(
        _ stage: EditProgress.Stage, of total: Int, _ work: (@escaping (Int) throws -> Void) throws -> T
    ) throws -> T {
        let begun = clock.now
        releaseIdleMemory()
        try report(EditProgress(stage: stage, step: 0, total: total))
        defer { seconds[stage] = DragEditing.seconds(since: begun, clock) }
        return try work { [report] in try report(EditProgress(stage: stage, step: $0, total: total)) }
    }

    /// Notes a stage that need not run.
    func restore(_ stage: EditProgress.Stage, of total: Int) throws {
        restored.append(stage)
        try report(EditProgress(stage: stage, step: total, total: total, isRestored: true))
    }
}
