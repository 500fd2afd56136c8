import DurableFiles
import Foundation
import JSON
import JobFiles
import ServiceConfiguration
import SystemPackage

/// Moves that may cross file systems. Such a move copies to a dot name with the job's ID, removes the source, and then
/// renames the copy. If the daemon dies, the next call continues from the step that it finds, and one copy remains.
///
///     FOLDER/.ID.NAME.whole ──the source is removed──▶ FOLDER/NAME
///
/// Only a failed rename (EXDEV) shows that a folder is on another file system: bind mounts share a device number.
extension ClaimStore {
    private static var suffix: String { ".whole" }

    private func staged(_ id: String, _ name: String, _ folder: String) -> String {
        "\(folder)/\(fileName(".\(id).", name, Self.suffix))"
    }

    /// Moves a job's file into a folder, under a free name.
    ///
    /// - Parameter isOurs: whether the file exists and is still the one that the job claimed.
    func put(_ path: String, of job: Job, into folder: String, isOurs: Bool) throws(FileError) {
        let name = lastComponent(path)
        let staged = staged(job.id, name, folder)
        if try files.status(staged) == nil {
            // An earlier call moved the file, or it stays; that call may have failed at the syncing.
            guard isOurs else { return try files.syncDirectory(folder) }
            do { return try files.rename(path, to: "\(folder)/\(try freeFile(name, folder))") } catch {
                guard error.errno == .improperLink else { throw error }
            }
            try files.copy(path, to: staged)
        }
        try remove(path, isOurs: isOurs)
        try files.rename(staged, to: "\(folder)/\(try freeFile(name, folder))")
    }

    /// Removes a job's file, if it is still the one that the job claimed. If not, an earlier call may have removed it and
    /// failed at the syncing: a power cut after the claim's end must not bring it back.
    func remove(_ path: String, isOurs: Bool) throws(FileError) {
        if isOurs { try files.remove(path) } else { try files.syncDirectory(parent(path)) }
    }

    /// Moves a job's claim below `folder`, without its record.
    func moveClaim(of job: Job, below folder: String) throws(FileError) {
        let staged = staged(job.id, job.name, folder)
        if try files.status(staged) == nil {
            try files.remove(Job.record(in: job.claim))
            do {
                return try files.rename(
                    job.claim, to: "\(folder)/\(try files.freeName(job.name, in: folder))")
            } catch { guard error.errno == .improperLink else { throw error } }
            // The copy's record names its inbox.
            try save(job)
            try files.copy(job.claim, to: staged)
        }
        try finishMove(staged, claim: job.claim, name: job.name, below: folder)
    }

    private func finishMove(_ staged: String, claim: String, name: String, below folder: String)
        throws(FileError)
    {
        try files.removeTree(claim)
        try files.remove(Job.record(in: staged))
        try files.rename(staged, to: "\(folder)/\(try files.freeName(name, in: folder))")
    }

    /// Completes the moves of claims from this inbox to `failed` that a dying daemon or a failing place interrupted.
    ///
    /// - Parameter known: IDs of the daemon's present jobs.
    func finishMoves(from inbox: String, besides known: Set<String>) throws(FileError) {
        let folder = configuration.failedFolder(of: inbox)
        guard try files.status(folder) != nil else { return }
        for entry in try files.list(folder)
        where entry.kind == .directory && entry.name.hasPrefix(".") {
            let words = entry.name.drop { $0 == "." }.split(separator: ".", maxSplits: 1)
            guard words.count == 2, !known.contains(String(words[0])) else { continue }
            let (path, claim) = ("\(folder)/\(entry.name)", InboxLayout(inbox).claim(String(words[0])))
            if entry.name.hasPrefix("..") {
                // An incomplete copy: the next call for this job makes a new one.
                if try files.status(claim) != nil { try files.removeTree(path) }
            } else if words[1].hasSuffix(Self.suffix), try isFrom(inbox, path) {
                let name = String(words[1].dropLast(Self.suffix.count))
                try finishMove(path, claim: claim, name: name, below: folder)
            }
        }
    }

    /// Whether a staged folder belongs to a job of this inbox. One without a record is complete but for its name.
    private func isFrom(_ inbox: String, _ staged: String) throws(FileError) -> Bool {
        let record = Job.record(in: staged)
        guard try files.status(record) != nil else { return true }
        return RecordInbox(try files.read(record))?.inbox == inbox
    }
}

/// The inbox that a job's record names; other fields may be damaged.
private struct RecordInbox: Decodable {
    let inbox: String

    init?(_ bytes: [UInt8]) {
        guard let record = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else { return nil }
        self = record
    }
}
