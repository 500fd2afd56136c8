import Failures
import JobFiles

extension RunLimit {
    /// The failure in the failed job's error report.
    var failure: Failure {
        switch self {
        case .time:
            Failure(
                .workerStopped, code: "worker.time_limit",
                message: "the edit took longer than limits.seconds",
                hint: "Raise limits.seconds, or ask for fewer steps.")
        case .memory:
            Failure(
                .workerStopped, code: "worker.memory_limit",
                message: "the edit took more memory than limits.memory",
                hint: "Raise limits.memory, or make the picture smaller.")
        case .stalled:
            Failure(
                .workerStopped, code: "worker.stalled",
                message: "the edit made no progress for limits.stalled_after",
                hint: "Raise limits.stalled_after if this machine is slow; else please report this.")
        }
    }
}
