import Foundation
import DurableFiles
import JSON
import JobFiles
import ServiceConfiguration
import SystemPackage

/// Moves that may lead to another file system, where they take several steps. The copy has a dot name that says whose it
/// is, becomes whole by one rename, and gets its own name once what it was made from is gone: whenever the daemon dies,
/// the next try sees how far it was, and ends with one copy.
///
///     FOLDER/.ID.NAME.whole ──the source is removed──▶ FOLDER/NAME
///
/// Only a rename that fails (EXDEV) tells that a folder is on another one: bind mounts have one device number.
extension ClaimStore {
    private static var suffix: String { ".whole" }

    private func staged(_ id: String, _ name: String, _ folder: String) -> String {
        "\(folder)/\(fileName(".\(id).", name, Self.suffix))"
    }

    /// Moves a job's file into a folder, under a name that is not taken there.
    ///
    /// - Parameter isOurs: whether the file is there, and still the one that the job took.
    func put(_ path: String, of job: Job, into folder: String, isOurs: Bool) throws(FileError) {
        let name = lastComponent(path)
        let staged = staged(job.id, name, folder)
        if try files.status(staged) == nil {
            // It has been moved, or stays; a move may lack its syncing only.
            guard isOurs else { return try files.syncDirectory(folder) }
            do { return try files.rename(path, to: "\(folder)/\(try freeFile(name, folder))") } catch {
                guard error.errno == .improperLink else { throw error }
            }
            try files.copy(path, to: staged)
        }
        try remove(path, isOurs: isOurs)
        try files.rename(staged, to: "\(folder)/\(try freeFile(name, folder))")
    }

    /// Removes a job's file, if it is still the one that the job took. If not, an earlier try may have removed it and failed at
    /// the syncing: a power cut after the claim's end must not bring it back.
    func remove(_ path: String, isOurs: Bool) throws(FileError) {
        if isOurs { try files.remove(path) } else { try files.syncDirectory(parent(path)) }
    }

    /// Makes a job's claim a folder below `folder`, without its record.
    func setAside(_ job: Job, below folder: String) throws(FileError) {
        let staged = staged(job.id, job.name, folder)
        if try files.status(staged) == nil {
            try files.remove(Job.record(in: job.claim))
            do {
                return try files.rename(
                    job.claim, to: "\(folder)/\(try files.freeName(job.name, in: folder))")
            } catch { guard error.errno == .improperLink else { throw error } }
            // The copy's record says of which inbox it is.
            try save(job)
            try files.copy(job.claim, to: staged)
        }
        try finishSettingAside(staged, claim: job.claim, name: job.name, below: folder)
    }

    private func finishSettingAside(_ staged: String, claim: String, name: String, below folder: String)
        throws(FileError)
    {
        try files.removeTree(claim)
        try files.remove(Job.record(in: staged))
        try files.rename(staged, to: "\(folder)/\(try files.freeName(name, in: folder))")
    }

    /// Completes what was being set aside from this inbox when a daemon died, or the place failed.
    ///
    /// - Parameter known: IDs of jobs that are under way.
    func finishSettingAside(from inbox: String, besides known: Set<String>) throws(FileError) {
        let folder = configuration.failed ?? InboxLayout(inbox).failed
        guard try files.status(folder) != nil else { return }
        for entry in try files.list(folder)
        where entry.kind == .directory && entry.name.hasPrefix(".") {
            let words = entry.name.drop { $0 == "." }.split(separator: ".", maxSplits: 1)
            guard words.count == 2, !known.contains(String(words[0])) else { continue }
            let (path, claim) = ("\(folder)/\(entry.name)", InboxLayout(inbox).claim(String(words[0])))
            if entry.name.hasPrefix("..") {
                // Half a copy: the job's next end makes a new one.
                if try files.status(claim) != nil { try files.removeTree(path) }
            } else if words[1].hasSuffix(Self.suffix), try isFrom(inbox, path) {
                let name = String(words[1].dropLast(Self.suffix.count))
                try finishSettingAside(path, claim: claim, name: name, below: folder)
            }
        }
    }

    /// Whether a staged folder is a job's of this inbox, or of one that has nothing more to do with it.
    private func isFrom(_ inbox: String, _ staged: String) throws(FileError) -> Bool {
        let record = Job.record(in: staged)
        guard try files.status(record) != nil else { return true }
        return RecordInbox(try files.read(record))?.inbox == inbox
    }
}

/// The inbox that a job's record names, of a record that may be damaged elsewhere.
private struct RecordInbox: Decodable {
    let inbox: String

    init?(_ bytes: [UInt8]) {
        guard let record = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else { return nil }
        self = record
    }
}
