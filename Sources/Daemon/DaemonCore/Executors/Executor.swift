import Failures
import JobFiles

/// Runs jobs, on this machine or elsewhere. The daemon starts, watches, stops and recovers runs through this protocol only.
///
/// A run is one execution of one job, and a job has at most one run at a time: the job's ID names it. The daemon stores the
/// executor's name in the job's record before it calls `start`, and the run's own ID there after. A daemon that dies
/// between the two asks with an ID of nil; an executor whose runs outlive the daemon must then find the run by the job's ID.
protocol Executor: AnyObject {
    /// Its name in job records.
    var name: String { get }
    /// Whether runs go on when the daemon ends. The next daemon asks for them; else a stop of the daemon stops them.
    var runsOutliveDaemon: Bool { get }
    /// The bounds of every run. The executor stops a run that exceeds one.
    var limits: RunLimits { get set }

    /// Notes for the log when the daemon starts, such as missing features of the machine.
    func startNotes() -> [String]
    /// Starts a run.
    ///
    /// - Returns: the run's own ID here.
    /// - Throws: when no run can be started now. The job waits, and no attempt is counted.
    func start(_ order: RunOrder) throws(Failure) -> String
    /// Asks whether a run of an earlier daemon is alive, finished or gone. From this call on the executor watches a run that
    /// is alive.
    ///
    /// - Parameter id: the run's own ID; nil when the daemon died before it could store one.
    /// - Throws: when the executor has no answer now. The daemon asks again.
    func recover(_ order: RunOrder, id: String?) throws(Failure) -> RecoveredRun
    /// Reads the news of all runs and stops those that exceed a limit.
    ///
    /// - Returns: the runs that have ended since the last call. The executor forgets them.
    func poll() -> [EndedRun]
    /// The latest progress that a run has reported.
    func progress(of job: String) -> RunProgress?
    /// Stops a run and forgets it. When this returns, the run changes no file any more.
    func stop(_ job: String)
    /// Stops all runs, first gently; they are killed after `seconds`.
    ///
    /// - Parameter whileWaiting: called repeatedly during the wait; true: the runs are killed at once.
    /// - Returns: how each run ended. The executor forgets them.
    func stopAll(within seconds: Double, whileWaiting: () -> Bool) -> [EndedRun]

    /// Descriptors that are readable when a run has news.
    var descriptors: [Int32] { get }
    /// Seconds between calls of `poll` without a readable descriptor; nil without runs.
    var pollInterval: Double? { get }
    /// Whether a run does not end although it was killed: only a restart of the service can help.
    var isStuck: Bool { get }
}

/// A run as the executor gets it.
struct RunOrder: Sendable, Equatable {
    /// The job's ID.
    var job: String
    /// The name under which the job is published.
    var name: String
    /// The spec's path in the claim.
    var spec: String
    /// The picture's path in the claim; nil for a spec whose picture is unknown.
    var image: String?
    /// The folder that the run writes its results into.
    var results: String
    /// The number of this attempt, from 1.
    var attempt: Int
    /// The published job that this one repeats.
    var duplicateOf: String?
}

/// Bounds of a run. nil: none.
struct RunLimits: Sendable, Equatable {
    /// Seconds that a run may take.
    var seconds: Double?
    /// Bytes of memory that a run may take for itself.
    var memory: Int?
    /// Seconds after which a run without progress is stopped.
    var stalledAfter = Double.infinity
}

/// The latest progress that a run has reported.
struct RunProgress: Sendable, Equatable {
    /// The stage of the edit.
    var stage: String
    /// Steps of the stage that are done, and all of them.
    var step, total: Int?
    /// Seconds that the run takes at most, about; nil: not told yet.
    var forecast: Double?
}

/// How a run ended.
enum RunEnd: Sendable, Equatable {
    /// It has written its results.
    case succeeded
    /// It has reported why the job fails.
    case failed(Failure)
    /// It ended without a report; the reason, for people.
    case crashed(String)
    /// The executor has stopped it at a limit.
    case exceeded(RunLimit)
}

/// The limits at which an executor stops a run.
enum RunLimit: Sendable, Equatable {
    /// `limits.seconds`.
    case time
    /// `limits.memory`.
    case memory
    /// `limits.stalled_after`. A run that was stopped at this one may succeed the next time.
    case stalled
}

/// A run that has ended.
struct EndedRun: Sendable, Equatable {
    /// The job's ID.
    var job: String
    /// How it ended.
    var end: RunEnd
    /// The last stage that it reported.
    var stage: String?
}

/// The state of a run that an earlier daemon started.
enum RecoveredRun: Sendable, Equatable {
    /// It goes on.
    case alive
    /// It has ended like this.
    case finished(RunEnd)
    /// It ended with its daemon, or never began. The daemon runs the job again, and no attempt is counted.
    case gone
}
