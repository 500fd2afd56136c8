import Digests
import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON
import ServiceConfiguration
import SpecParser
import SystemPackage
import YAMLDocuments

/// Claims jobs, publishes their results and puts away failed ones. Every change of state is one rename, durable before the
/// next.
///
///     INBOX/cat.yaml ──claim──▶ INBOX/.clipdragd/ID/{.job.json, cat.yaml, cat.png}
///     OUTBOX/.clipdragd/ID/ ──publish──▶ OUTBOX/cat/          then inputs ──▶ INBOX/archive/
///     INBOX/.clipdragd/ID/ ──fail──▶ INBOX/failed/cat/
struct ClaimStore: Sendable {
    let files: any FileSystem
    let configuration: Configuration
    /// What the daemon learns of pictures; nil: it leaves them to the worker.
    var pictures: PictureInspection?

    var outbox: OutboxLayout { OutboxLayout(configuration.outbox ?? "") }

    /// Where a job's run writes its results, before they are published.
    func unpublished(_ job: Job) -> String { outbox.unpublished(job.id) }

    /// Claims a pair: renames its spec into the claim, and links or copies the picture and what else the spec names.
    ///
    /// - Returns: nil when the pair has changed since the scan; its files are in the inbox then.
    func claim(_ pair: Pair, id: String) throws(FileError) -> Job? {
        let job = Job(id: id, pair: pair, digest: repeatKey(pair))
        try files.createDirectory(job.claim)
        try save(job)
        switch takeFiles(of: pair, into: job) {
        case .taken: break
        case .changed:
            try undoClaim(job)
            return nil
        case .failed(let error):
            try undoClaim(job)
            throw error
        }
        // A marker that stays would vouch for a later file of that name; content and open files still decide.
        for marker in pair.markers { try? files.remove("\(job.inbox)/\(marker)") }
        return job
    }

    /// How the move of a pair's files into a claim ended.
    private enum Taking {
        /// The claim has the files that the scan found.
        case taken
        /// The pair has changed since the scan: a file has gone, became a link, or is being written.
        case changed
        /// The place does not work.
        case failed(FileError)
    }

    private func takeFiles(of pair: Pair, into job: Job) -> Taking {
        do throws(FileError) {
            try files.rename("\(pair.inbox)/\(pair.spec)", to: "\(job.claim)/\(pair.spec)")
            try linkInputs(job)
            return try isAsFound(pair, job) ? .taken : .changed
        } catch {
            return error.isOfChangedFile ? .changed : .failed(error)
        }
    }

    /// Moves a claim's spec back to the inbox and removes the claim.
    private func undoClaim(_ job: Job) throws(FileError) {
        // The rename may have happened although its syncing failed: the spec must not go with the claim.
        if try files.status("\(job.claim)/\(job.spec)") != nil {
            let name = try freeFile(job.spec, job.inbox)
            try files.rename("\(job.claim)/\(job.spec)", to: "\(job.inbox)/\(name)")
        }
        try files.removeTree(job.claim)
    }

    /// Whether the claim has the files that the scan found complete, and no process writes to them. Once the spec has its
    /// new name, only a process that has it open already can write to it.
    private func isAsFound(_ pair: Pair, _ job: Job) throws(FileError) -> Bool {
        for (name, stamp) in pair.stamps {
            guard try files.status("\(job.claim)/\(name)") != nil else { return false }
            // A picture stays in the inbox; the claim has a link to it or a copy.
            let path = "\(name == pair.spec ? job.claim : job.inbox)/\(name)"
            guard let status = try files.status(path) else { continue }
            if FileStamp(status) != stamp { return false }
            if files.isBeingWritten(path) == true && !pair.heldOpen.contains(name) { return false }
        }
        return true
    }

    /// Links the inputs that a claim lacks. It links files only: someone may have replaced a file by a symbolic link.
    func linkInputs(_ job: Job) throws(FileError) {
        for name in job.inputs {
            let (source, target) = ("\(job.inbox)/\(name)", "\(job.claim)/\(name)")
            guard try files.status(target) == nil, try files.status(source)?.kind == .file else { continue }
            try files.linkOrCopy(source, to: target)
            if try files.status(target)?.kind != .file { try files.remove(target) }
        }
    }

    /// Makes a job's record durable.
    func save(_ job: Job) throws(FileError) {
        try files.replace(Job.record(in: job.claim), job.bytes, mode: 0o644)
    }

    /// The claims that an earlier daemon left in an inbox, and those that this one began and could not complete. Completes
    /// or undoes each.
    ///
    /// - Parameter known: IDs of the daemon's present jobs.
    func leftovers(_ inbox: String, besides known: Set<String> = []) throws(FileError) -> [Job] {
        let layout = InboxLayout(inbox)
        let folder = layout.claims
        guard try files.status(folder) != nil else { return [] }
        var jobs: [Job] = []
        for entry in try files.list(folder)
        where entry.kind == .directory && !known.contains(entry.name) {
            let claim = layout.claim(entry.name)
            try files.removeTemporaries(claim)
            var record: [UInt8]?
            // A record that cannot be read now is not damaged: the caller gets the error.
            if try files.status(Job.record(in: claim)) != nil {
                record = try files.read(Job.record(in: claim))
            }
            guard let job = record.flatMap({ Job($0, inbox: inbox) }), job.id == entry.name else {
                if let job = try publishedJob(entry.name, inbox) {
                    jobs.append(job)
                } else {
                    try files.removeTree(outbox.unpublished(entry.name))
                    try returnFiles(of: claim, to: inbox)
                }
                continue
            }
            let hasSpec = try files.status("\(claim)/\(job.spec)") != nil
            if !hasSpec && job.state != .publishing {
                try files.removeTree(claim)  // the claim is not complete
                continue
            }
            if job.state != .publishing { try linkInputs(job) }
            jobs.append(job)
        }
        return jobs
    }

    /// The job of a claim with a damaged record, if its result is in the outbox: such a job must not run again.
    private func publishedJob(_ id: String, _ inbox: String) throws(FileError) -> Job? {
        for entry in try files.list(outbox.path)
        where entry.kind == .directory && entry.name != InboxLayout.ownFolderName {
            let path = "\(outbox.published(entry.name))/\(ResultRecord.fileName)"
            guard try files.status(path) != nil, let record = ResultRecord(try files.read(path)),
                record.job?.id == id
            else { continue }
            let names = try files.list(InboxLayout(inbox).claim(id)).map(\.name)
            let pictures = names.filter(InboxNames.isPicture)
            let spec = names.first(where: InboxNames.isSpec) ?? "\(id).yaml"
            let pair = Pair(
                inbox: inbox, spec: spec, image: pictures.first, others: Array(pictures.dropFirst()),
                priority: 0,
                dropped: 0)
            var job = Job(id: id, pair: pair, digest: "")
            job.name = entry.name
            (job.state, job.verdict) = (.publishing, record.verdict)
            return job
        }
        return nil
    }

    /// Ends a claim and moves its files back to the inbox. It moves a picture only if the inbox has none of that name:
    /// then the claim may have the last copy.
    private func returnFiles(of claim: String, to inbox: String) throws(FileError) {
        for entry in try files.list(claim)
        where !InboxNames.reports.contains(entry.name) && !entry.name.hasPrefix(".") {
            let isTaken = try files.status("\(inbox)/\(entry.name)") != nil
            if InboxNames.isSpec(entry.name) || !isTaken {
                try files.rename("\(claim)/\(entry.name)", to: "\(inbox)/\(try freeFile(entry.name, inbox))")
            }
        }
        try files.removeTree(claim)
    }

    /// Returns a job to its inbox, as if the daemon had never claimed it.
    func returnToInbox(_ job: Job) throws(FileError) {
        try files.removeTree(unpublished(job))
        try returnFiles(of: job.claim, to: job.inbox)
    }

    /// Whether a job's claim folder certainly no longer exists.
    func isClaimGone(_ job: Job) -> Bool {
        do { return try files.status(job.claim) == nil } catch { return false }
    }

    /// Records that a job runs, and makes an empty folder for its results.
    func prepareRun(_ job: inout Job) throws(FileError) {
        job.state = .running
        try save(job)
        try files.removeTree(unpublished(job))
        try files.createDirectory(unpublished(job))
    }

    /// Removes unpublished results that belong to none of these jobs. Keeps those of other inboxes, because other daemons
    /// may share the outbox, and complete ones, because their claim may be in an inbox that is not mounted now.
    ///
    /// - Parameter marks: the marks of the daemon's inboxes.
    func removeUnpublished(of marks: Set<String>, besides jobs: [Job]) throws(FileError) {
        let known = Set(jobs.map(\.id))
        for entry in try files.list(outbox.unpublished)
        where entry.kind == .directory && !known.contains(entry.name) {
            guard let mark = JobID.mark(of: entry.name), marks.contains(mark) else { continue }
            let folder = outbox.unpublished(entry.name)
            if try files.status("\(folder)/\(ResultRecord.fileName)") == nil { try files.removeTree(folder) }
        }
    }

    /// A file of a job's unpublished result that has not the digest that the trajectory's `sha256` states; nil: all have.
    func damagedResult(of job: Job) throws(FileError) -> String? {
        let path = "\(unpublished(job))/\(ResultRecord.fileName)"
        guard try files.status(path) != nil, let record = ResultRecord(try files.read(path)) else {
            return ResultRecord.fileName
        }
        for (name, digest) in (record.sha256 ?? [:]).sorted(by: { $0.key < $1.key }) {
            let path = "\(unpublished(job))/\(name)"
            guard try files.status(path) != nil, try Digest.sha256(files: [path], files) == digest else {
                return name
            }
        }
        return nil
    }

    /// Publishes a finished job, records its end, and then puts its inputs away. Safe to repeat after any crash.
    ///
    /// - Parameters:
    ///   - isKnown: whether the history has the job already.
    ///   - recordEnd: gets the job, its folder's name in the outbox, and whether this call published it.
    func complete(
        _ job: inout Job, isKnown: Bool, stillNeeded: Set<String>,
        recordEnd: (Job, String, Bool) throws(FileError) -> Void
    ) throws(FileError) {
        if let folder = try publish(&job) {
            try recordEnd(job, folder, true)
        } else if !isKnown, let folder = try publishedName(job) {
            try recordEnd(job, folder, false)
        }
        try putInputsAway(job, stillNeeded: stillNeeded)
    }

    /// Publishes a job whose results are complete, by one rename. Safe to repeat after any crash.
    ///
    /// - Returns: the folder's name in the outbox; nil when an earlier try had already published it.
    func publish(_ job: inout Job) throws(FileError) -> String? {
        let unpublished = unpublished(job)
        if job.state != .publishing {
            try files.removeTree("\(unpublished)/\(ContentCache.drawerName)")
            for entry in try files.list(unpublished) {
                try files.setMode("\(unpublished)/\(entry.name)", configuration.outputMode)
            }
            // Whoever may read the files may enter their folder, whatever the umask.
            let mode = configuration.outputMode
            try files.setMode(unpublished, mode | (mode & 0o444) >> 2)
            try files.syncDirectory(unpublished)
            var complete = job
            complete.state = .publishing
            complete.verdict = ResultRecord(in: unpublished, files)?.verdict
            try save(complete)
            job = complete  // only once it is durable: after a failure the next call saves it again
        }
        guard try files.status(unpublished) != nil else {
            try files.syncDirectory(outbox.path)  // an earlier call may have failed at this step
            return nil
        }
        while true {
            let name = try files.freeName(job.name, in: outbox.path)
            do {
                try files.rename(unpublished, to: outbox.published(name))
                return name
            } catch { guard error.errno == .fileExists /* taken meanwhile */ else { throw error } }
        }
    }

    /// The name under which an earlier daemon published a job, if it died before it recorded that.
    func publishedName(_ job: Job) throws(FileError) -> String? {
        var n = 1
        while true {
            let name = numberedName(job.name, n)
            guard try files.status(outbox.published(name)) != nil else { return nil }
            let record = ResultRecord(in: outbox.published(name), files)
            if record?.job?.id == job.id { return name }
            n += 1
        }
    }

    /// Puts a published job's inputs where the configuration says, and ends the claim.
    ///
    /// - Parameter stillNeeded: names of the pictures that other specs need; they stay in the inbox.
    func putInputsAway(_ job: Job, stillNeeded: Set<String>) throws(FileError) {
        guard try files.status(job.claim) != nil else {
            // An earlier call ended the claim, and its syncing may have failed. If the inbox is not mounted, this call
            // fails and makes no new archive in its place.
            return try files.syncDirectory(parent(job.claim))
        }
        let specInClaim = "\(job.claim)/\(job.spec)"
        switch configuration.inputs {
        case .archive:
            let folder = configuration.archiveFolder(of: job.inbox)
            try files.createDirectory(folder)
            try put(specInClaim, of: job, into: folder, isOurs: try files.status(specInClaim) != nil)
            for name in job.inputs {
                let isOurs = stillNeeded.contains(name) ? false : try isSameFile(job, name)
                try put("\(job.inbox)/\(name)", of: job, into: folder, isOurs: isOurs)
            }
        case .delete:
            for name in job.inputs where !stillNeeded.contains(name) {
                try remove("\(job.inbox)/\(name)", isOurs: try isSameFile(job, name))
            }
        case .keep:
            // Beside the archive: in the inbox the daemon would claim the spec again.
            let folder = InboxLayout(job.inbox).done
            try files.createDirectory(folder)
            try put(specInClaim, of: job, into: folder, isOurs: try files.status(specInClaim) != nil)
        }
        try files.removeTree(job.claim)
    }

    /// Whether the inbox still has the file that was claimed, and not a newer one of the same name.
    private func isSameFile(_ job: Job, _ name: String) throws(FileError) -> Bool {
        guard let there = try files.status("\(job.inbox)/\(name)"),
            let claimed = try files.status("\(job.claim)/\(name)")
        else { return false }
        if there.inode == claimed.inode && there.device == claimed.device { return true }
        // The claim has a copy: compare the contents.
        guard there.kind == .file, there.size == claimed.size, there.modified <= claimed.modified else {
            return false
        }
        return try Digest.sha256(files: ["\(job.inbox)/\(name)"], files)
            == Digest.sha256(files: ["\(job.claim)/\(name)"], files)
    }

    /// Fails a job: its claim, with the error report, becomes its folder below `failed`.
    ///
    /// - Parameter recordEnd: gets that folder.
    func fail(
        _ job: Job, _ failure: Failure, attempts: Int, stillNeeded: Set<String>,
        recordEnd: (String) throws(FileError) -> Void = { _ in }
    ) throws(FileError) {
        try files.removeTree(unpublished(job))
        let report = ErrorReport(failure, attempts: attempts, job: job.id)
        try files.replace("\(job.claim)/\(ErrorReport.fileName)", report.bytes, mode: 0o644)
        try files.replace(
            "\(job.claim)/\(ErrorReport.textFileName)", Array((failure.description + "\n").utf8), mode: 0o644)
        // If only the spec was wrong, the picture stays in the inbox for a corrected spec.
        if !failure.kind.keepsPicture {
            for name in job.inputs where !stillNeeded.contains(name) {
                try remove("\(job.inbox)/\(name)", isOurs: try isSameFile(job, name))
            }
        }
        let folder = configuration.failedFolder(of: job.inbox)
        try files.createDirectory(folder)
        // Before the move: a daemon that dies between the two records the end twice rather than never.
        try recordEnd("\(folder)/\(try files.freeName(job.name, in: folder))")
        try moveClaim(of: job, below: folder)
    }

    /// A free file name in a folder: `cat.png`, else `cat.2.png`, …
    func freeFile(_ name: String, _ folder: String) throws(FileError) -> String {
        let ending = String(name.dropFirst(stem(name).count))
        // A long ending is no file type but part of a name with a dot.
        return ending.utf8.count > 16
            ? try files.freeName(name, in: folder) : try files.freeName(stem(name), ending, in: folder)
    }
}
