import Logging

/// The events in the journal. Each kind has its own MESSAGE_ID for programs. A job's events give its whole history.
enum JobEvent: String, CaseIterable {
    // Of a job
    case claimed, resumed, started, retried, held, released, cancelled, requeued, returned, published, failed
    /// The place did not work: the job waits, and no attempt is counted.
    case postponed
    // Of the service
    case ready, stopped, paused, draining, unpaused, waiting, reloaded, refused, orphan, away, back

    /// The journal's MESSAGE_ID. It never changes and is never used for another event.
    var messageID: String {
        switch self {
        case .claimed: "594d0b6617f646c88a94c0685a507229"
        case .resumed: "f3498290993d4e29b6a9da7b0dc2d0ce"
        case .started: "169442ae98284bda97f93bc4baa15bfa"
        case .retried: "950b50e2256f4b8d838bf02f677c672d"
        case .held: "7df7b0249a954f789161fc3958c50316"
        case .released: "94f7fa1501c9475cb35d481febd48612"
        case .cancelled: "06e4d85456fb42e98146adc294fa95bf"
        case .requeued: "46a289089ddb43cebdd603023b911394"
        case .returned: "cfcd04d11bb14af889d180a314c1061a"
        case .published: "b5d46b2c41864ea4bfa787591feadc99"
        case .failed: "fc6603bae7544c669954d72ad81202bc"
        case .postponed: "d511dcd02b484ad997a0bb1ce4d14455"
        case .ready: "6982183a253c480294c464039b68d577"
        case .stopped: "e03bc9ab065c4cff8e71e74f98bc48e4"
        case .paused: "a0763138551f4350a00e4b9dc1bae80f"
        case .draining: "86980c49ff344a79bd878fba92e29dbc"
        case .unpaused: "a2d8100084cd4d279b52565cde7db040"
        case .waiting: "ef693b636ad74a3abd81c14c0550179b"
        case .reloaded: "bda23fecd5b04cddac98f1a0c059b58a"
        case .refused: "b8d04f23ea6645acb54bf041169bf18f"
        case .orphan: "1f0f3ab7f9a3408ea7f6d9b2c8a8f2c4"
        case .away: "5a3c8e0f2f6b4b0d9c0a7e41f1f0a6d7"
        case .back: "c2d1b6f5e8464a7db7c9135e2a90bb13"
        }
    }
}

/// Writes events of jobs and of the service to the log.
struct EventLog: Sendable {
    let logger: Logger

    /// Writes an event.
    ///
    /// - Parameters:
    ///   - job: the event's job.
    ///   - run: the run of the job that has just ended.
    ///   - fields: more that programs may want: `code`, `run`, …
    func event(
        _ event: JobEvent, _ message: String, _ job: Job? = nil, run: RunSummary? = nil,
        level: Logger.Level = .info, _ fields: [String: String] = [:]
    ) {
        var metadata = Logger.Metadata(uniqueKeysWithValues: fields.map { ($0.key, .string($0.value)) })
        metadata["event"] = .string(event.rawValue)
        if let job {
            metadata["job"] = .string(job.id)
            metadata["name"] = .string(job.name)
            metadata["inbox"] = .string(job.inbox)
            metadata["spec"] = .string(job.spec)
            if let duration = run?.duration {
                metadata["usec"] = .string(String(Int(duration / .microseconds(1))))
            }
            metadata["attempt"] = .string(String(job.crashes + 1))
        }
        logger.log(level: level, "\(message)", metadata: metadata)
    }

    /// Writes a message that is no event.
    func write(_ level: Logger.Level, _ message: String, _ fields: [String: String] = [:]) {
        let metadata = Logger.Metadata(uniqueKeysWithValues: fields.map { ($0.key, .string($0.value)) })
        logger.log(level: level, "\(message)", metadata: metadata)
    }

    /// The fields of an error.
    static func fields(_ code: String, _ kind: ErrorKind, stage: String? = nil) -> [String: String] {
        var fields = ["code": code, "error_type": kind.rawValue]
        fields["stage"] = stage
        return fields
    }
}
