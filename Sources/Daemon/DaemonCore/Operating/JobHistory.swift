import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON

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
    /// For each digest, the first published job that has it.
    private var publishedNames: [String: String] = [:]

    init(stateFolder: String, _ files: any FileSystem) {
        folder = StateLayout(stateFolder).history
        self.files = files
        let entries = (try? files.list(folder)) ?? []
        for entry in entries where entry.name.hasSuffix(".json") {
            guard let record = record(stem(entry.name)), record.state == .published,
                let name = record.publishedAs
            else { continue }
            if publishedNames[record.digest] == nil { publishedNames[record.digest] = name }
        }
    }

    /// The first job of these inputs that was published, if there was one.
    func published(digest: String) -> String? { publishedNames[digest] }

    /// Stores how a job ended.
    func add(_ job: Job, _ outcome: Outcome) throws(FileError) {
        try files.replace("\(folder)/\(job.id).json", EndedJob(job, outcome).bytes, mode: 0o644)
        if case .published(let name) = outcome, publishedNames[job.digest] == nil {
            publishedNames[job.digest] = name
        }
    }

    /// Whether a job's end is stored.
    func contains(_ id: String) -> Bool { record(id) != nil }

    /// Makes the stored records durable: an earlier syncing may have failed.
    func sync() throws(FileError) { try files.syncDirectory(folder) }

    /// The record of a job that has ended.
    func record(_ id: String) -> EndedJob? {
        guard !id.contains("/") else { return nil }
        return (try? files.read("\(folder)/\(id).json")).flatMap { try? EndedJob(reading: $0) }
    }
}

extension EndedJob {
    /// The record of a job that ends now.
    init(_ job: Job, _ outcome: JobHistory.Outcome) {
        (id, name, inbox, spec, image) = (job.id, job.name, job.inbox, job.spec, job.image)
        (digest, crashes, finished) = (job.digest, job.crashes, Date().formatted(.iso8601))
        switch outcome {
        case .published(let name):
            (state, publishedAs, verdict) = (.published, name, job.verdict)
        case .failed(let failure, let folder):
            (state, kind, code, self.folder) = (.failed, failure.kind, failure.code, folder)
        }
    }
}
