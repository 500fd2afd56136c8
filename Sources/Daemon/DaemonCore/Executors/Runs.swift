import Failures
import JobFiles

/// The runs of this daemon's jobs, on all executors.
final class Runs {
    /// A job that runs.
    struct Run {
        /// The job, as its record says.
        var job: Job
        /// Its executor.
        let executor: any Executor
        /// When this daemon started it; nil for the run of an earlier daemon.
        var started: ContinuousClock.Instant?
        /// Seconds that it has run; nil for the run of an earlier daemon.
        var seconds: Double? { started.map { (.now - $0) / .seconds(1) } }
        /// Whether the executor has confirmed it. If not, the executor could not be asked yet.
        var isConfirmed = true
    }

    /// A run that has ended.
    struct Ended {
        /// The job.
        let job: Job
        /// How its run ended.
        let end: RunEnd
        /// The run's summary for the log.
        let summary: RunSummary
    }

    /// All runs, in the order of their start.
    private(set) var all: [Run] = []
    private let executors: [any Executor]

    /// - Parameter executors: all executors; new runs start on the first.
    init(_ executors: [any Executor]) { self.executors = executors }

    var count: Int { all.count }
    var isEmpty: Bool { all.isEmpty }

    /// The executor of new runs.
    private var current: any Executor { executors[0] }

    /// The bounds of every run.
    func apply(_ limits: RunLimits) { for executor in executors { executor.limits = limits } }

    /// Notes for the log when the daemon starts.
    func startNotes() -> [String] { executors.flatMap { $0.startNotes() } }

    /// Where the next run will be, without the run's own ID.
    var nextReference: RunReference { RunReference(executor: current.name, id: nil) }

    /// Starts a job's run on the executor of its record.
    ///
    /// - Returns: the job, its record with the run's own ID.
    func start(_ job: Job, _ order: RunOrder) throws(Failure) -> Job {
        var job = job
        job.run = RunReference(executor: current.name, id: try current.start(order))
        all.append(Run(job: job, executor: current, started: .now))
        return job
    }

    /// Asks the executor of a job's record about its run. A run that is alive, or whose executor cannot be asked now, is
    /// among `all` from then on.
    ///
    /// - Returns: nil while the executor cannot be asked.
    /// - Throws: when no executor of that name is known.
    func recover(_ job: Job, _ order: RunOrder) throws(UnknownExecutor) -> RecoveredRun? {
        let reference = job.run ?? nextReference
        guard let executor = executors.first(where: { $0.name == reference.executor }) else {
            throw UnknownExecutor(name: reference.executor)
        }
        all.removeAll { $0.job.id == job.id }
        do throws(Failure) {
            let answer = try executor.recover(order, id: reference.id)
            if answer == .alive { all.append(Run(job: job, executor: executor)) }
            return answer
        } catch {
            all.append(Run(job: job, executor: executor, isConfirmed: false))
            return nil
        }
    }

    /// No executor of this name is in the program.
    struct UnknownExecutor: Error { let name: String }

    /// Jobs whose executor could not be asked yet.
    var unconfirmed: [Job] { all.filter { !$0.isConfirmed }.map(\.job) }

    /// Takes the runs that have ended.
    func takeEnded() -> [Ended] { executors.flatMap { executor in executor.poll().compactMap { take($0) } } }

    private func take(_ ended: EndedRun) -> Ended? {
        guard let index = all.firstIndex(where: { $0.job.id == ended.job }) else { return nil }
        let run = all.remove(at: index)
        let summary = RunSummary(stage: ended.stage, duration: run.started.map { .now - $0 })
        return Ended(job: run.job, end: ended.end, summary: summary)
    }

    /// The run of a job.
    subscript(_ job: String) -> Run? { all.first { $0.job.id == job } }

    /// The latest progress that a run has reported.
    func progress(of run: Run) -> RunProgress? { run.executor.progress(of: run.job.id) }

    /// Stops a job's run.
    func stop(_ job: String) {
        guard let run = self[job] else { return }
        run.executor.stop(job)
        all.removeAll { $0.job.id == job }
    }

    /// Stops all runs that do not outlive the daemon; see `Executor.stopAll`.
    func stopAll(within seconds: Double, whileWaiting: () -> Bool) -> [Ended] {
        let mortal = executors.filter { !$0.runsOutliveDaemon }
        return mortal.flatMap {
            $0.stopAll(within: seconds, whileWaiting: whileWaiting).compactMap { take($0) }
        }
    }

    /// Descriptors that are readable when a run has news.
    var descriptors: [Int32] { executors.flatMap(\.descriptors) }

    /// Seconds between polls without a readable descriptor; nil without runs.
    var pollInterval: Double? {
        let confirmation = all.allSatisfy(\.isConfirmed) ? nil : Scheduler.placeSeconds
        return (executors.map(\.pollInterval) + [confirmation]).compactMap { $0 }.min()
    }

    /// Whether a run does not end although it was killed.
    var isStuck: Bool { executors.contains(where: \.isStuck) }
}

/// A reference to a job's run, stored in its record.
struct RunReference: Codable, Sendable, Equatable {
    /// The executor's name.
    var executor: String
    /// The run's own ID there; nil until the executor has given one.
    var id: String?
}

/// The summary of a run that has ended, for the log.
struct RunSummary: Sendable, Equatable {
    /// The stage that it was in.
    var stage: String?
    /// Its duration; nil if another daemon started it.
    var duration: Duration?
}
