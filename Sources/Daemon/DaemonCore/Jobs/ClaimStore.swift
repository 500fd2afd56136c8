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

/// Takes jobs out of inboxes and brings their results out. Every change of state is one rename, durable before the next.
///
///     INBOX/cat.yaml ──claim──▶ INBOX/.clipdragd/ID/{.job.json, cat.yaml, cat.png}
///     OUTBOX/.clipdragd/ID/ ──publish──▶ OUTBOX/cat/          then inputs ──▶ INBOX/archive/
///     INBOX/.clipdragd/ID/ ──fail──▶ INBOX/failed/cat/
struct ClaimStore: Sendable {
    let files: any FileSystem
    let configuration: Configuration

    private var outbox: String { configuration.outbox ?? "" }

    /// Where a job's results are made.
    func making(_ job: Job) -> String { OutboxLayout(outbox).making(job.id) }

    private func archive(_ job: Job) -> String { configuration.archive ?? InboxLayout(job.inbox).archive }
    private func failed(_ job: Job) -> String { configuration.failed ?? InboxLayout(job.inbox).failed }

    /// Claims a pair by renaming its spec; the picture and what else the spec names are linked or copied in. nil when
    /// the spec has gone meanwhile, or is being changed: then it is back in the inbox.
    func claim(_ pair: Pair, id: String) throws(FileError) -> Job? {
        let job = Job(id: id, pair: pair, digest: repeatKey(pair))
        try files.createDirectory(job.claim)
        try save(job)
        do throws(FileError) {
            try files.rename("\(pair.inbox)/\(pair.spec)", to: "\(job.claim)/\(pair.spec)")
            try linkInputs(job)
            guard try isAsFound(pair, job) else {
                throw FileError("claim", pair.spec, .resourceTemporarilyUnavailable)
            }
        } catch {
            // The rename may have happened and its syncing failed: the spec must not go with the claim.
            if try files.status("\(job.claim)/\(pair.spec)") != nil {
                let name = try freeFile(pair.spec, pair.inbox)
                try files.rename("\(job.claim)/\(pair.spec)", to: "\(pair.inbox)/\(name)")
            }
            try files.removeTree(job.claim)
            // Gone, or swapped for a link, or changed: that is no one's fault but its own.
            if [.noSuchFileOrDirectory, .tooManySymbolicLinkLevels].contains(error.errno)
                || error.operation == "claim"
            {
                return nil
            }
            throw error
        }
        // One that stays says of a later file of that name that it is whole; content and open files still decide.
        for marker in pair.markers { try? files.remove("\(job.inbox)/\(marker)") }
        return job
    }

    /// Whether what was claimed is still what was found whole, and no one has begun to write it anew. Under its new name
    /// a spec can be opened by no one who does not have it open now.
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

    /// Links what a claim lacks. Files alone: what was one may have been swapped for a link that leads elsewhere.
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

    /// Claims that an earlier daemon left in an inbox, or this one when it failed in the midst of a claim. What was not
    /// ended is completed or undone.
    ///
    /// - Parameter known: IDs of jobs that are under way.
    func leftovers(_ inbox: String, besides known: Set<String> = []) throws(FileError) -> [Job] {
        let folder = InboxLayout(inbox).claims
        guard try files.status(folder) != nil else { return [] }
        var jobs: [Job] = []
        for entry in try files.list(folder)
        where entry.kind == .directory && !known.contains(entry.name) {
            let claim = "\(folder)/\(entry.name)"
            try files.removeTemporaries(claim)
            var record: [UInt8]?
            // A record that cannot be read now is no damaged one: that error is the caller's.
            if try files.status(Job.record(in: claim)) != nil {
                record = try files.read(Job.record(in: claim))
            }
            guard let job = record.flatMap({ Job($0, inbox: inbox) }), job.id == entry.name else {
                if let job = try publishedJob(entry.name, inbox) {
                    jobs.append(job)
                } else {
                    try files.removeTree(OutboxLayout(outbox).making(entry.name))
                    try giveBack(claim, inbox)
                }
                continue
            }
            let hasSpec = try files.status("\(claim)/\(job.spec)") != nil
            if !hasSpec && job.state != .publishing {
                try files.removeTree(claim)  // the claim was not yet made
                continue
            }
            if job.state != .publishing { try linkInputs(job) }
            jobs.append(job)
        }
        return jobs
    }

    /// What can be told of a claim whose record is damaged, but whose result is in the outbox: it must not run again.
    private func publishedJob(_ id: String, _ inbox: String) throws(FileError) -> Job? {
        for entry in try files.list(outbox)
        where entry.kind == .directory && entry.name != InboxLayout.ownFolderName {
            let path = "\(outbox)/\(entry.name)/\(ResultRecord.fileName)"
            guard try files.status(path) != nil, ResultRecord(try files.read(path))?.job?.id == id
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
            job.state = .publishing
            return job
        }
        return nil
    }

    /// Ends a claim: whatever it holds goes back to the inbox under its own name. A picture only if it is not there: it may
    /// have been taken away meanwhile, and the claim's be the last.
    private func giveBack(_ claim: String, _ inbox: String) throws(FileError) {
        for entry in try files.list(claim)
        where !InboxNames.reports.contains(entry.name) && !entry.name.hasPrefix(".") {
            let isTaken = try files.status("\(inbox)/\(entry.name)") != nil
            if InboxNames.isSpec(entry.name) || !isTaken {
                try files.rename("\(claim)/\(entry.name)", to: "\(inbox)/\(try freeFile(entry.name, inbox))")
            }
        }
        try files.removeTree(claim)
    }

    /// Gives a job back to its inbox, as if it had never been claimed.
    func returnToInbox(_ job: Job) throws(FileError) {
        try files.removeTree(making(job))
        try giveBack(job.claim, job.inbox)
    }

    /// Whether a job's claim is certainly not there any more.
    func hasGone(_ job: Job) -> Bool {
        do { return try files.status(job.claim) == nil } catch { return false }
    }

    /// Makes a job's record say that it runs, and an empty folder for its results.
    func makeReady(_ job: inout Job) throws(FileError) {
        job.state = .running
        try save(job)
        try files.removeTree(making(job))
        try files.createDirectory(making(job))
    }

    /// Removes results in the making that none of some jobs will go on with. Not those of other inboxes: other daemons may
    /// share the outbox. Nor those that are complete: their claim may be in an inbox that is not mounted now, and say that
    /// only the rename is missing.
    ///
    /// - Parameter marks: those of the inboxes that the jobs are of.
    func removeResults(of marks: Set<String>, besides jobs: [Job]) throws(FileError) {
        let known = Set(jobs.map(\.id))
        for entry in try files.list(OutboxLayout(outbox).makings)
        where entry.kind == .directory && !known.contains(entry.name) {
            guard let mark = JobID.mark(of: entry.name), marks.contains(mark) else { continue }
            let folder = OutboxLayout(outbox).making(entry.name)
            if try files.status("\(folder)/\(ResultRecord.fileName)") == nil { try files.removeTree(folder) }
        }
    }

    /// A file of a finished job's results that is not what its worker meant to write, as the trajectory's `sha256` has it.
    func damagedResult(of job: Job) throws(FileError) -> String? {
        let path = "\(making(job))/\(ResultRecord.fileName)"
        guard try files.status(path) != nil, let record = ResultRecord(try files.read(path)) else {
            return ResultRecord.fileName
        }
        for (name, digest) in (record.sha256 ?? [:]).sorted(by: { $0.key < $1.key }) {
            let path = "\(making(job))/\(name)"
            guard try files.status(path) != nil, try Digest.sha256(files: [path], files) == digest else {
                return name
            }
        }
        return nil
    }

    /// Publishes a finished job, has it remembered, and then puts its inputs away. Safe to repeat after any crash.
    ///
    /// - Parameters:
    ///   - isKnown: whether it has been remembered already.
    ///   - remember: is given the job, its folder's name in the outbox, and whether it was published just now.
    func complete(
        _ job: inout Job, isKnown: Bool, stillNeeded: Set<String>,
        remember: (Job, String, Bool) throws(FileError) -> Void
    ) throws(FileError) {
        if let folder = try publish(&job) {
            try remember(job, folder, true)
        } else if !isKnown, let folder = try publishedName(job) {
            try remember(job, folder, false)
        }
        try settleInputs(job, stillNeeded: stillNeeded)
    }

    /// Publishes a job whose results are complete, by one rename. Safe to repeat after any crash.
    ///
    /// - Returns: the folder's name in the outbox; nil when an earlier try had already published it.
    func publish(_ job: inout Job) throws(FileError) -> String? {
        let making = making(job)
        if job.state != .publishing {
            try files.removeTree("\(making)/\(ContentCache.drawerName)")
            for entry in try files.list(making) {
                try files.setMode("\(making)/\(entry.name)", configuration.outputMode)
            }
            // Who may read the files may enter their folder, whatever the umask.
            let mode = configuration.outputMode
            try files.setMode(making, mode | (mode & 0o444) >> 2)
            try files.syncDirectory(making)
            var complete = job
            complete.state = .publishing
            try save(complete)
            job = complete  // not before it is durable: a failed try saves it again
        }
        guard try files.status(making) != nil else {
            try files.syncDirectory(outbox)  // that may be all that failed
            return nil
        }
        while true {
            let name = try files.freeName(job.name, in: outbox)
            do {
                try files.rename(making, to: "\(outbox)/\(name)")
                return name
            } catch { guard error.errno == .fileExists /* taken meanwhile */ else { throw error } }
        }
    }

    /// Under which name a job was published by an earlier daemon, that died before it could remember so.
    func publishedName(_ job: Job) throws(FileError) -> String? {
        var n = 1
        while true {
            let name = numberedName(job.name, n)
            guard try files.status("\(outbox)/\(name)") != nil else { return nil }
            let record = ResultRecord(in: "\(outbox)/\(name)", files)
            if record?.job?.id == job.id { return name }
            n += 1
        }
    }

    /// Puts a published job's inputs where the configuration says, and ends the claim.
    ///
    /// - Parameter stillNeeded: names of pictures that waiting specs name; they stay in the inbox.
    func settleInputs(_ job: Job, stillNeeded: Set<String>) throws(FileError) {
        guard try files.status(job.claim) != nil else {
            // Ended already, and only the syncing may have failed. Or the inbox is away: then this says so, and neither it nor
            // its archive is made anew.
            return try files.syncDirectory(parent(job.claim))
        }
        let specInClaim = "\(job.claim)/\(job.spec)"
        switch configuration.inputs {
        case .archive:
            let folder = archive(job)
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
            // The spec must not be claimed again: it is kept beside the archive's place, in INBOX/done.
            let folder = "\(job.inbox)/done"
            try files.createDirectory(folder)
            try put(specInClaim, of: job, into: folder, isOurs: try files.status(specInClaim) != nil)
        }
        try files.removeTree(job.claim)
    }

    /// Whether the inbox still has the very file that was claimed, and not a newer one of the same name.
    private func isSameFile(_ job: Job, _ name: String) throws(FileError) -> Bool {
        guard let there = try files.status("\(job.inbox)/\(name)"),
            let claimed = try files.status("\(job.claim)/\(name)")
        else { return false }
        if there.inode == claimed.inode && there.device == claimed.device { return true }
        // Of a copy the content decides.
        guard there.kind == .file, there.size == claimed.size, there.modified <= claimed.modified else {
            return false
        }
        return try Digest.sha256(files: ["\(job.inbox)/\(name)"], files)
            == Digest.sha256(files: ["\(job.claim)/\(name)"], files)
    }

    /// Sets a job aside that cannot be done: its claim, with the reason, becomes its folder below `failed`.
    ///
    /// - Parameter remember: is given that folder.
    func fail(
        _ job: Job, _ failure: Failure, attempts: Int, stillNeeded: Set<String>,
        remember: (String) throws(FileError) -> Void = { _ in }
    ) throws(FileError) {
        try files.removeTree(making(job))
        let report = ErrorReport(failure, attempts: attempts, job: job.id)
        try files.replace("\(job.claim)/\(ErrorReport.fileName)", report.bytes, mode: 0o644)
        try files.replace(
            "\(job.claim)/\(ErrorReport.textFileName)", Array((failure.description + "\n").utf8), mode: 0o644)
        // A picture stays in the inbox when only its spec was wrong: dropping a corrected spec runs it again.
        if !failure.kind.keepsPicture {
            for name in job.inputs where !stillNeeded.contains(name) {
                try remove("\(job.inbox)/\(name)", isOurs: try isSameFile(job, name))
            }
        }
        let folder = failed(job)
        try files.createDirectory(folder)
        // Before the move: a death between the two tells it twice, never not at all.
        try remember("\(folder)/\(try files.freeName(job.name, in: folder))")
        try setAside(job, below: folder)
    }

    /// A file name in a folder that is not taken: `cat.png`, else `cat.2.png`, …
    func freeFile(_ name: String, _ folder: String) throws(FileError) -> String {
        let ending = String(name.dropFirst(stem(name).count))
        // What is long is no ending, but a name with a dot in it.
        return ending.utf8.count > 16
            ? try files.freeName(name, in: folder) : try files.freeName(stem(name), ending, in: folder)
    }
}
