/// The executors that this program has. A new executor is a folder beside `Local` and a line here.
enum ExecutorRegistry {
    /// Makes an executor from the daemon's set-up.
    typealias Maker = @Sendable (DaemonSetup) -> any Executor

    /// How each is made. New runs start on the first; the others recover the runs that they started.
    static let makers: [Maker] = [{ LocalExecutor($0) }]
}
