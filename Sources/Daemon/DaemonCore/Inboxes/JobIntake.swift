import DurableFiles
import Foundation
import JobFiles
import Logging
import SpecParser
import SystemPackage

/// Takes jobs into the queue: ready pairs of the inboxes, and claims that an earlier daemon or a failed place left half
/// done.
final class JobIntake {
    private let context: DaemonContext
    private let inboxes: Inboxes
    private let scheduler: Scheduler
    private let runs: Runs
    private let dispatcher: Dispatcher
    private let lifecycle: JobLifecycle
    private var unreadableLines = LineBudget()
    private var placeholderLines = LineBudget()

    init(
        _ context: DaemonContext, _ inboxes: Inboxes, _ scheduler: Scheduler, _ runs: Runs,
        _ dispatcher: Dispatcher, _ lifecycle: JobLifecycle
    ) {
        self.context = context
        self.inboxes = inboxes
        self.scheduler = scheduler
        self.runs = runs
        self.dispatcher = dispatcher
        self.lifecycle = lifecycle
    }

    private var now: Double { ServiceClock.now }

    /// Scans each inbox that has news or whose time has come, and claims ready pairs.
    ///
    /// - Parameters:
    ///   - all: whether to go on until everything is claimed. Else it claims only some of thousands of pairs, so that a job that
    ///     can start does not wait for all the claims.
    ///   - beforeClaim: called before each claim; false ends the claiming.
    func look(all: Bool = false, beforeClaim: () -> Bool) {
        for path in inboxes.detachLost() { forgetJobs(of: path) }
        inboxes.attachReturned()
        for inbox in inboxes.all where inbox.isDue(now) {
            do {
                try look(into: inbox, all: all, beforeClaim)
                if inbox.hasFailed { lifecycle.placeWorked(inbox.path) }
                inbox.hasFailed = false
            } catch { tryLater(inbox, error) }
        }
    }

    private func look(into inbox: WatchedInbox, all: Bool, _ beforeClaim: () -> Bool) throws(FileError) {
        if inbox.hasLeftovers { try takeLeftovers(of: inbox) }
        var goesOn = true
        repeat {
            let start = ContinuousClock.now
            context.metrics.countScan(inbox.reason)
            try inbox.scan(context.files, now)
            reportUnreadable(inbox)
            reportPlaceholders(inbox)
            let end = ContinuousClock.now + max(.milliseconds(50), (ContinuousClock.now - start) * 2)
            goesOn = try claim(inbox.findings.pairs, from: inbox, until: all ? nil : end, beforeClaim)
            // Update the inbox's needs: a run may end before the next scan, and the daemon would archive its picture.
            if !inbox.findings.pairs.isEmpty { try inbox.scan(context.files, now) }
        } while all && goesOn && !inbox.findings.pairs.isEmpty
    }

    /// Reports once each file that cannot be read. Other files go on.
    private func reportUnreadable(_ inbox: WatchedInbox) {
        let (shown, untold) = unreadableLines.take(inbox.takeNewlyUnreadable(), now)
        for error in shown {
            context.log.write(
                .warning, "a file waits, as it cannot be read: \(error.reason). \(error.remedy)",
                ["inbox": inbox.path, "file": lastComponent(error.path), "errno": "\(error.errno.rawValue)"])
        }
        if untold > 0 {
            context.log.write(.warning, "\(untold) more files wait, as they cannot be read")
        }
    }

    /// Reports each empty spec once.
    private func reportPlaceholders(_ inbox: WatchedInbox) {
        let (shown, untold) = placeholderLines.take(inbox.takeNewPlaceholders(), now)
        for name in shown {
            context.log.write(
                .notice, "an empty spec waits until something is written into it",
                ["inbox": inbox.path, "file": name])
        }
        if untold > 0 {
            context.log.write(.notice, "\(untold) more empty specs wait until something is written into them")
        }
    }

    /// - Returns: whether more may be claimed.
    private func claim(
        _ pairs: [Pair], from inbox: WatchedInbox, until end: ContinuousClock.Instant?,
        _ beforeClaim: () -> Bool
    ) throws(FileError) -> Bool {
        for pair in pairs {
            guard beforeClaim(), end.map({ ContinuousClock.now < $0 }) ?? true else { return false }
            guard let job = try context.store.claim(pair, id: JobID.next(inbox.mark ?? "")) else {
                inbox.movedBack(pair.spec)
                continue
            }
            let settled = now - pair.since
            scheduler.register(job, Scheduler.Claim(settled: settled, at: .now))
            inbox.claimed(pair)
            context.metrics.countClaim(settled: settled)
            context.log.event(.claimed, "claimed", job)
            if let failure = context.store.mistake(in: job) {
                lifecycle.fail(job, failure)
                continue
            }
            scheduler.enqueue(job)
            if InboxNames.isConflictedCopy(pair.spec) {
                context.log.write(
                    .notice,
                    "a synchronising program's conflicted copy runs as a job of its own; `clipdragd cancel \(job.id)` stops it",
                    ["job": job.id, "name": job.name])
            }
        }
        return true
    }

    // MARK: - Leftovers

    /// Continues the claims that an earlier daemon left in the inboxes. One that cannot be read now is tried again later.
    ///
    /// - Returns: the marks of the inboxes whose jobs are all known.
    func takeAllLeftovers() -> Set<String> {
        var marks: Set<String> = []
        for inbox in inboxes.all where inbox.isAttached {
            do {
                try takeLeftovers(of: inbox)
                if let mark = inbox.mark { marks.insert(mark) }
            } catch { tryLater(inbox, error) }
        }
        return marks
    }

    /// Looks into an inbox again later, because its place does not work.
    private func tryLater(_ inbox: WatchedInbox, _ error: FileError) {
        (inbox.hasLeftovers, inbox.hasFailed) = (true, true)
        inbox.retryLater(now)
        lifecycle.pauseStarts(error, of: inbox.path)
    }

    /// Continues claims that belong to no job of this daemon.
    private func takeLeftovers(of inbox: WatchedInbox) throws(FileError) {
        let known = Set((scheduler.queue.all + runs.all.map(\.job)).map(\.id))
        try context.store.finishMoves(from: inbox.path, besides: known)
        let left = try context.store.leftovers(inbox.path, besides: known)
        // Before it puts a job's pictures away, the daemon must know whether a waiting spec names them too.
        if left.contains(where: { $0.state == .publishing || $0.state == .running }) {
            try inbox.scan(context.files, now)
            inbox.lookNow()
        }
        for job in left {
            context.log.event(.resumed, "taken up again", job, ["from": job.state.rawValue])
            scheduler.register(job)
            switch job.state {
            case .publishing: lifecycle.publish(job)
            case .running: dispatcher.recover(job)
            case .waiting, .held: scheduler.enqueue(job)
            }
        }
        inbox.hasLeftovers = false
    }

    /// Forgets the jobs of an inbox that has gone. No attempt is counted.
    private func forgetJobs(of inbox: String) {
        for run in runs.all where run.job.inbox == inbox {
            runs.stop(run.job.id)
            scheduler.forget(run.job)
        }
        for job in scheduler.queue.all where job.inbox == inbox { scheduler.forget(job) }
    }
}
