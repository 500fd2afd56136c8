import Digests
import DurableFiles
import Failures
import Foundation
import JSON

/// What the state folder remembers: one file per finished job, and the present status. Losing it loses no job.
final class Records {
    /// How a job ended.
    enum Outcome {
        case published(String)
        case failed(Failure, String)
    }

    /// A file without its other half.
    struct LoneHalf {
        let inbox, file: String
        /// Seconds since 1970.
        let since: Double
        /// Whether it has waited for longer than `limits.orphan_after`.
        var isOrphan = false
    }

    private let folder: String
    private var digests: [String: String] = [:]
    private var lastStatus = ""  // its digest: with thousands of jobs the text is long

    init(stateFolder: String, _ files: some FileSystem) {
        folder = stateFolder
        let entries = (try? files.list("\(folder)/history")) ?? []
        for entry in entries where entry.name.hasSuffix(".json") {
            guard
                let record = (try? files.read("\(folder)/history/\(entry.name)")).flatMap({
                    JSONValue(parsing: $0)
                }),
                record["state"]?.string == "published", let digest = record["digest"]?.string,
                let name = record["published_as"]?.string
            else { continue }
            if digests[digest] == nil { digests[digest] = name }
        }
    }

    /// The first job of these inputs that was published, if there was one.
    func published(digest: String) -> String? { digests[digest] }

    /// Remembers how a job ended.
    func remember(_ job: Job, outcome: Outcome, _ files: some FileSystem) throws(FileError) {
        try files.replace("\(folder)/history/\(job.id).json", Array(text(job, outcome).utf8), mode: 0o644)
        if case .published(let name) = outcome, digests[job.digest] == nil { digests[job.digest] = name }
    }

    /// Whether a job's end is remembered, and for good: of an earlier try the syncing may have failed.
    func knows(_ id: String, _ files: some FileSystem) throws(FileError) -> Bool {
        guard record(id, files) != nil else { return false }
        try files.syncDirectory("\(folder)/history")
        return true
    }

    /// A finished job's record as JSON, which is what the hook is given too.
    func text(_ job: Job, _ outcome: Outcome, isShown: Bool = false) -> String {
        var fields: [(key: String, value: JSONValue)] = [
            ("id", .string(job.id)), ("name", .string(job.name)), ("inbox", .string(job.inbox)),
            ("spec", .string(job.spec)),
            ("image", .optional(job.image)), ("digest", .string(job.digest)),
            ("crashes", .integer(job.crashes)),
            ("finished", .string(Date().formatted(.iso8601))),
        ]
        switch outcome {
        case .published(let name):
            fields += [("state", .string("published")), ("published_as", .string(name))]
        case .failed(let failure, let folder):
            fields += [
                ("state", .string("failed")), ("kind", .string(failure.kind.rawValue)),
                ("code", .string(failure.code)), ("folder", .string(folder)),
            ]
        }
        let record = JSONValue.object(fields)
        return (isShown ? record.shown : record).lines
    }

    /// A finished job's record.
    func record(_ id: String, _ files: some FileSystem) -> JSONValue? {
        guard !id.contains("/") else { return nil }
        return (try? files.read("\(folder)/history/\(id).json")).flatMap { JSONValue(parsing: $0) }
    }

    /// Writes status.json when it has changed.
    func writeStatus(
        queue: [Job], workers: [WorkerProcess], halves: [LoneHalf], inboxes: [WatchedInbox], outbox: String?,
        hindrance: String?, _ files: some FileSystem
    ) {
        let running = workers.map { worker in
            JSONValue.object([
                ("id", .string(worker.job.id)), ("name", .string(worker.job.name)),
                ("pid", .integer(Int(worker.pid))),
                ("stage", .optional(worker.progress?["stage"]?.string)),
                ("step", .optional(worker.progress?["step"]?.integer)),
                ("total", .optional(worker.progress?["total"]?.integer)),
            ])
        }
        let waiting = queue.map { job in
            JSONValue.object([
                ("id", .string(job.id)), ("name", .string(job.name)), ("state", .string(job.state.rawValue)),
                ("priority", .integer(job.priority)), ("crashes", .integer(job.crashes)),
            ])
        }
        let lone = halves.map { half in
            JSONValue.object([
                ("inbox", .string(half.inbox)), ("file", .string(half.file)),
                ("since", .number(half.since.rounded())), ("orphan", .bool(half.isOrphan)),
            ])
        }
        let status = JSONValue.object([
            ("pid", .integer(Int(getpid()))), ("paused", .bool(hindrance != nil)),
            ("why", .optional(hindrance)),
            ("running", .array(running)), ("waiting", .array(waiting)), ("lone_halves", .array(lone)),
            ("outbox", .optional(outbox)),
            (
                "inboxes",
                .array(
                    inboxes.map {
                        .object([("path", .string($0.path)), ("watch", .string($0.mode?.rawValue ?? "away"))])
                    })
            ),
        ])
        let text = status.lines
        let digest = Digest.sha256(Array(text.utf8))
        guard digest != lastStatus else { return }
        lastStatus = digest
        // A status that cannot be written is no reason to stop working.
        try? files.replace("\(folder)/status.json", Array(text.utf8), mode: 0o644)
    }
}
