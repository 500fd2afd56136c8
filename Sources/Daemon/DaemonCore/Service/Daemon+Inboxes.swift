import DurableFiles
import Foundation
import Logging
import SpecParser

/// From inboxes into the queue.
extension Daemon {
    /// Looks into each inbox that has news or whose time has come, and claims what is ready.
    ///
    /// - Parameter all: go on until everything is claimed. Else, of thousands, some: the rest of the daemon's work goes on.
    func lookIntoInboxes(all: Bool = false) {
        tendPlaces()
        let now = Date().timeIntervalSince1970
        for inbox in inboxes where inbox.isDue(now) {
            do {
                if inbox.hasStrays { try takeUpLeftovers(inbox) }
                repeat {
                    let start = ContinuousClock.now
                    counters.looked(inbox.reason)
                    try inbox.scan(files, Date().timeIntervalSince1970)
                    tellOfUnreadable(inbox)
                    // Of thousands some: a job that could start does not wait for all the claims.
                    let end = ContinuousClock.now + max(.milliseconds(50), (ContinuousClock.now - start) * 2)
                    try claim(inbox.findings.pairs, from: inbox, until: all ? nil : end)
                    // What the inbox needs now: a worker may end before the next look, and its picture be archived.
                    if !inbox.findings.pairs.isEmpty { try inbox.scan(files, Date().timeIntervalSince1970) }
                } while all && !inbox.findings.pairs.isEmpty && stop == .no
            } catch {
                inbox.hasStrays = true
                inbox.lookLater(now)
                pause(error, now)
            }
        }
    }

    /// Tells once of each file that its owner keeps to himself. The others go on.
    private func tellOfUnreadable(_ inbox: WatchedInbox) {
        for error in inbox.newlyUnreadable() {
            log.warning(
                "a file waits, as it cannot be read: \(error.reason). \(error.remedy)",
                metadata: [
                    "inbox": "\(inbox.path)", "file": "\(lastComponent(error.path))",
                    "errno": "\(error.number)",
                ])
        }
    }

    private func claim(_ pairs: [Pair], from inbox: WatchedInbox, until end: ContinuousClock.Instant?)
        throws(FileError)
    {
        for pair in pairs {
            takeSignals()
            guard stop == .no, end.map({ ContinuousClock.now < $0 }) ?? true else { return }
            guard let job = try store.claim(pair, id: JobID.next(inbox.mark ?? "")) else {
                inbox.movedBack(pair.spec)
                continue
            }
            admit(job)
            inbox.claimed(pair)
            let settled = Date().timeIntervalSince1970 - pair.since
            claims[job.id] = (settled, .now)
            counters.settled(after: settled)
            notifier.stillBusy()
            tell(.claimed, "claimed", job)
        }
    }

    /// Takes a job into the queue.
    func admit(_ job: Job) {
        queue.add(job)
        uses.add(job)
    }

    /// A job is no more: its files are someone else's now.
    func dismiss(_ job: Job) {
        uses.remove(job)
        retryAt[job.id] = nil
        claims[job.id] = nil
    }

    /// Those of a job's pictures that must stay in the inbox because a waiting spec or another job needs them.
    func stillNeeded(of job: Job) throws(FileError) -> Set<String> {
        let inbox = inboxes.first { $0.path == job.inbox }
        // A spec that has come since the last look may name them too.
        if let inbox, inbox.takeNews() {
            try inbox.scan(files, Date().timeIntervalSince1970)
            inbox.lookNow()
        }
        return Set(
            job.inputs.filter {
                inbox?.findings.named.contains($0) ?? false
                    || uses.isNeeded($0, in: job.inbox, besides: job)
            })
    }

    /// Files that wait for their other half; those of jobs that are under way do not.
    var loneHalves: [Records.LoneHalf] {
        let keeps = configuration.inputs == .keep  // pictures stay when they are done with
        return inboxes.flatMap { inbox in
            inbox.findings.waiting.filter { name, _ in
                !uses.isNeeded(name, in: inbox.path) && !(keeps && InboxNames.isPicture(name))
            }.sorted { $0.key < $1.key }
                .map { Records.LoneHalf(inbox: inbox.path, file: $0.key, since: $0.value) }
        }
    }

    // MARK: - Places

    /// Notices inboxes that were unmounted, mounted over, removed or made anew. What was claimed in one lies in it and is
    /// taken up when it is back; meanwhile it is no one's fault, and nothing of it is known or done.
    private func tendPlaces() {
        for inbox in inboxes { inbox.takeNews() }
        for inbox in inboxes where inbox.isAttached && !inbox.isStillThere(files) {
            tell(.away, "an inbox went away or was replaced", level: .warning, ["inbox": inbox.path])
            inbox.detach()
            counters.watchesLost += 1
            for worker in workers where worker.job.inbox == inbox.path {
                stopWorker(worker)
                dismiss(worker.job)
            }
            for job in queue.all where job.inbox == inbox.path {
                queue.remove(job.id)
                dismiss(job)
            }
        }
        let now = Date().timeIntervalSince1970
        for inbox in inboxes where !inbox.isAttached && now >= inbox.nextLook {
            do {
                guard try files.status(inbox.path)?.kind == .directory else {
                    throw FileError("open", inbox.path, 2 /* ENOENT */)
                }
                try takeHold(of: inbox)
                inbox.hasStrays = true  // taken up by the look that is due now
                tell(.back, "an inbox is there again", level: .notice, ["inbox": inbox.path])
            } catch { inbox.lookLater(now) }
        }
    }

    /// Makes an inbox this daemon's own, if no other has it.
    func takeHold(of inbox: WatchedInbox) throws {
        try files.createDirectory("\(inbox.path)/.clipdragd")
        try inbox.attach(files)
        if let refusal = inbox.refusal {
            log.warning(
                "the inbox is polled every \(Int(WatchedInbox.pollSeconds)) seconds: \(refusal)",
                metadata: ["inbox": "\(inbox.path)", "errno": "\(refusal.number)"])
        }
    }
}
