import DurableFiles
import Failures
import Foundation

/// A job that the state folder knows, whatever its state.
public enum KnownJob: Sendable, Equatable {
    case running(DaemonStatus.RunningJob)
    case waiting(DaemonStatus.WaitingJob)
    case ended(EndedJob)

    /// Its ID.
    public var id: String {
        switch self {
        case .running(let job): job.id
        case .waiting(let job): job.id
        case .ended(let job): job.id
        }
    }

    /// State, name and time, for a list of candidates.
    fileprivate var line: String {
        switch self {
        case .running(let job): "\(job.id) (running)"
        case .waiting(let job): "\(job.id) (\(job.state.rawValue))"
        case .ended(let job):
            "\(job.id) (\(job.state.rawValue)\(job.end.map { " \($0.localMinute)" } ?? "")\(job.publishedAs.map { " as \(PathCoding.shown($0))" } ?? ""))"
        }
    }
}

extension StateReader {
    /// The candidates that an error lists.
    private static let shownCandidates = 10

    /// The job of an ID, or of a name that fits no other job: a job's name, its result's folder, or its spec's file name.
    ///
    /// - Parameter fits: tells which jobs a request can be about. Of several jobs of a name the one that fits is meant.
    /// - Throws: where there is no such job, or where several are meant.
    public func job(_ word: String, where fits: (KnownJob) -> Bool = { _ in true }) throws(Failure)
        -> KnownJob
    {
        // The record first: the status may lag behind.
        if let exact = record(word).map(KnownJob.ended) ?? running(word).map(KnownJob.running)
            ?? waiting(word).map(KnownJob.waiting)
        {
            return exact
        }
        let named = named(PathCoding.text(of: word))
        let fitting = named.filter(fits)
        if fitting.count == 1 { return fitting[0] }
        if named.count == 1 { return named[0] }
        guard !named.isEmpty else {
            throw Failure(
                .missingInput, code: "job.unknown", message: "there is no job \(PathCoding.shown(word))",
                hint: "`clipdragd list` shows all.")
        }
        let candidates = fitting.isEmpty ? named : fitting
        let lines = candidates.suffix(Self.shownCandidates).map(\.line).joined(separator: ", ")
        throw Failure(
            .usage, code: "job.ambiguous",
            message: "\(candidates.count) jobs have the name \(PathCoding.shown(word))",
            hint:
                "Give an ID\(candidates.count > Self.shownCandidates ? "; the last ones are" : ":") \(lines)."
        )
    }

    private func named(_ name: String) -> [KnownJob] {
        let ended = ended.lazy.compactMap { self.record($0) }.filter {
            $0.name == name || $0.publishedAs == name || $0.spec == name
        }
        // Of jobs that have not ended the status has the name alone, which is the spec's stem.
        let name = PathCoding.shown(InboxNames.isSpec(name) ? stem(name) : name)
        let active =
            (status?.running ?? []).filter { PathCoding.shown($0.name) == name }.map(KnownJob.running)
            + (status?.waiting ?? []).filter { PathCoding.shown($0.name) == name }.map(KnownJob.waiting)
        return ended.map(KnownJob.ended) + active.filter { record($0.id) == nil }
    }
}
