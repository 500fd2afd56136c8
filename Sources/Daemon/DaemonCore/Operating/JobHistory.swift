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
    /// Failed jobs whose spec alone was wrong, by inbox and name.
    private var failedSpecs: [String: [EndedJob]] = [:]
    private var ends: (day: String, published: Int, failed: Int) = ("", 0, 0)

    init(stateFolder: String, _ files: any FileSystem) {
        folder = StateLayout(stateFolder).history
        self.files = files
        let entries = (try? files.list(folder)) ?? []
        for entry in entries.sorted(by: { $0.name < $1.name }) where entry.name.hasSuffix(".json") {
            if let record = record(stem(entry.name)) { index(record) }
        }
    }

    private func index(_ record: EndedJob) {
        switch record.state {
        case .published:
            guard let name = record.publishedAs else { break }
            if publishedNames[record.digest] == nil { publishedNames[record.digest] = name }
        case .failed:
            guard record.kind?.keepsPicture == true, record.folder != nil else { break }
            failedSpecs[Self.key(record.inbox, record.name), default: []].append(record)
        }
        guard let day = record.localDay, day >= ends.day else { return }
        if day > ends.day { ends = (day, 0, 0) }
        if record.state == .published { ends.published += 1 } else { ends.failed += 1 }
    }

    private static func key(_ inbox: String, _ name: String) -> String { "\(inbox)/\(name)" }

    /// How many jobs ended today, by the local calendar.
    var today: DaemonStatus.Day {
        let day = Date().localDay
        return ends.day == day
            ? DaemonStatus.Day(day: day, published: ends.published, failed: ends.failed)
            : DaemonStatus.Day(day: day, published: 0, failed: 0)
    }

    /// The failed jobs whose spec was wrong and whose name and inbox are this job's.
    func failedSpecs(of job: Job) -> [EndedJob] { failedSpecs[Self.key(job.inbox, job.name)] ?? [] }

    /// Forgets them: their folders have gone.
    func forgetFailedSpecs(of job: Job) { failedSpecs[Self.key(job.inbox, job.name)] = nil }

    /// The first job of these inputs that was published, if there was one.
    func published(digest: String) -> String? { publishedNames[digest] }

    /// Stores how a job ended.
    func add(_ record: EndedJob) throws(FileError) {
        try files.replace("\(folder)/\(record.id).json", record.bytes, mode: 0o644)
        index(record)
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

extension EndedJob {
    /// When it ended.
    public var end: Date? { try? Date(finished, strategy: .iso8601) }

    /// The day on which it ended, by the local calendar.
    var localDay: String? { end?.localDay }
}

extension Date {
    /// The day, `2026-11-27`, by the local calendar.
    public var localDay: String {
        let parts = Calendar.current.dateComponents([.year, .month, .day], from: self)
        return String(format: "%04d-%02d-%02d", parts.year ?? 0, parts.month ?? 0, parts.day ?? 0)
    }

    /// Day and time, `2026-11-27 14:05`, by the local calendar.
    public var localMinute: String {
        let parts = Calendar.current.dateComponents([.hour, .minute], from: self)
        return localDay + String(format: " %02d:%02d", parts.hour ?? 0, parts.minute ?? 0)
    }
}
