import Failures
import JSON
import DurableFiles
import Foundation
import JobFiles

/// The jobs that have ended: one file each in STATE/history. Losing them loses no job.
final class JobHistory {
    /// How a job ended.
    enum Outcome {
        /// Published under this name.
        case published(String)
        /// Failed, its inputs in this folder.
        case failed(Failure, String)
    }

    private let folder: String
    private let files: any FileSystem
    /// Of each digest, the first job that was published with it.
    private var publishedNames: [String: String] = [:]

    init(stateFolder: String, _ files: any FileSystem) {
        folder = "\(stateFolder)/history"
        self.files = files
        let entries = (try? files.list(folder)) ?? []
        for entry in entries where entry.name.hasSuffix(".json") {
            guard
                let record = (try? files.read("\(folder)/\(entry.name)")).flatMap({ JSONValue(parsing: $0) }),
                record["state"]?.string == "published", let digest = record["digest"]?.string,
                let name = record["published_as"]?.string
            else { continue }
            if publishedNames[digest] == nil { publishedNames[digest] = name }
        }
    }

    /// The first job of these inputs that was published, if there was one.
    func published(digest: String) -> String? { publishedNames[digest] }

    /// Stores how a job ended.
    func add(_ job: Job, _ outcome: Outcome) throws(FileError) {
        try files.replace("\(folder)/\(job.id).json", Array(text(job, outcome).utf8), mode: 0o644)
        if case .published(let name) = outcome, publishedNames[job.digest] == nil {
            publishedNames[job.digest] = name
        }
    }

    /// Whether a job's end is stored.
    func contains(_ id: String) -> Bool { record(id) != nil }

    /// Makes the stored ends durable: the syncing of an earlier try may have failed.
    func sync() throws(FileError) { try files.syncDirectory(folder) }

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
    func record(_ id: String) -> JSONValue? {
        guard !id.contains("/") else { return nil }
        return (try? files.read("\(folder)/\(id).json")).flatMap { JSONValue(parsing: $0) }
    }
}
