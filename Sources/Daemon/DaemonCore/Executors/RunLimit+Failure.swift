import JobFiles

extension RunLimit {
    /// What the job's folder below `failed` says.
    var failure: JobFailure {
        switch self {
        case .time:
            JobFailure(
                code: "worker.time_limit", message: "the edit took longer than limits.seconds",
                hint: "Raise limits.seconds, or ask for fewer steps.", exit: .internalError)
        case .memory:
            JobFailure(
                code: "worker.memory_limit", message: "the edit took more memory than limits.memory",
                hint: "Raise limits.memory, or make the picture smaller.", exit: .internalError)
        case .stalled:
            JobFailure(
                code: "worker.stalled", message: "the edit made no progress for limits.stalled_after",
                hint: "Raise limits.stalled_after if this machine is slow; else please report this.",
                exit: .internalError)
        }
    }
}
