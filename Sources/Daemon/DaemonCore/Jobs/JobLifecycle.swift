import DurableFiles
import Failures
import Foundation
import JobFiles
import Logging
import ServiceConfiguration
import SystemPackage
import Verdicts

/// Publishes the results of claimed jobs, fails those that cannot be done, and retries crashed runs.
final class JobLifecycle {
    private let context: DaemonContext
    private let scheduler: Scheduler
    private let inboxes: Inboxes
    private let history: JobHistory
    private let hook: CompletionHook
    private let gallery: GalleryUpdates
    private var failedPlaces = FailedPlaces()
    /// Jobs that have failed since the start.
    private(set) var failures = 0

    init(
        _ context: DaemonContext, _ scheduler: Scheduler, _ inboxes: Inboxes, _ history: JobHistory,
        _ hook: CompletionHook, _ gallery: GalleryUpdates
    ) {
        self.context = context
        self.scheduler = scheduler
        self.inboxes = inboxes
        self.history = history
        self.hook = hook
        self.gallery = gallery
    }

    private var now: Double { ServiceClock.now }
    /// How many jobs have ended today.
    var today: DaemonStatus.Day { history.today }

    // MARK: - Runs that have ended

    /// Publishes, retries, postpones or fails a job, as its run has ended.
    func conclude(_ ended: Runs.Ended) {
        var job = ended.job
        job.run = nil
        cacheStages(of: job)
        switch ended.end {
        case .succeeded:
            placesWorked(for: job)
            publishIfUndamaged(job, ended.summary)
        case .failed(let failure) where failure.isRetryable || failure.kind.isOfSurroundings:
            postpone(job, failure, ended.summary)
        case .failed(let failure): fail(job, failure, ended.summary)
        case .exceeded(.stalled): retry(job, RunLimit.stalled.failure, ended.summary)
        case .exceeded(let limit):
            job.crashes += 1
            fail(job, limit.failure, ended.summary)
        case .crashed(let reason):
            let failure = Failure(
                .crash, code: "worker.crashed", message: reason,
                hint: "See the journal; `clipdragd requeue \(job.id)` runs it again.")
            retry(job, failure, ended.summary)
        }
    }

    private static func reason(_ failure: Failure) -> String {
        [failure.place?.file, failure.message].compactMap { $0 }.joined(separator: ": ")
    }

    /// Moves the stages that a job's run has finished into the cache: the job's next run and later edits of the same picture
    /// start from there. If the cache cannot be written, later runs take longer; the job does not fail.
    func cacheStages(of job: Job) {
        try? context.cache.takeOver("\(context.store.unpublished(job))/\(ContentCache.drawerName)")
    }

    /// Lets a job wait because a place does not work. No attempt is counted. The log names each reason once a job.
    private func postpone(_ job: Job, _ failure: Failure, _ run: RunSummary) {
        var job = job
        job.state = .waiting
        let (reason, kind) = (Self.reason(failure), "\(failure.code) \(failure.message)")
        let isNews = scheduler.postpone(job, kind: kind, now)
        let place = failure.place?.file ?? ""
        failedPlaces.note(place.hasPrefix("/") ? place : context.configuration.outbox ?? "/", now)
        context.metrics.countError(failure.code, .place)
        context.log.event(
            .postponed, "postponed: \(reason)", job, run: run, level: isNews ? .warning : .debug,
            EventLog.fields(failure.code, .place, stage: run.stage))
        pauseStarts(reason, kind: kind, isOfRun: true)
    }

    /// Lets the postponed jobs start when one of the places at which they failed has changed for the better.
    func lookAtFailedPlaces() {
        guard scheduler.hasPostponed else { return failedPlaces.forgetAll() }
        guard let place = failedPlaces.improved(now) else { return }
        context.log.write(.notice, "trying again: \(place.path): \(place.why)")
        scheduler.endPostponements()
    }

    /// Counts an attempt for a run that crashed. Runs the job again a little later, or fails it. Other jobs go on.
    private func retry(_ job: Job, _ failure: Failure, _ run: RunSummary?) {
        var job = job
        job.crashes += 1
        job.state = .waiting
        guard job.crashes < context.configuration.limits.attempts else {
            fail(job, failure, run)
            return
        }
        context.metrics.countRetry()
        context.metrics.countError(failure.code, .crash)
        try? context.store.save(job)
        scheduler.enqueue(job, earliest: now + min(60, pow(2, Double(job.crashes)) / 2))
        let fields = EventLog.fields(failure.code, .crash, stage: run?.stage)
        context.log.event(
            .retried, "\(failure.message); retrying", job, run: run, level: .warning,
            fields.merging(["crashes": String(job.crashes)]) { $1 })
    }

    // MARK: - Publishing

    /// Publishes a job whose run has succeeded, if its files have the digests that the run recorded.
    func publishIfUndamaged(_ job: Job, _ run: RunSummary? = nil) {
        do {
            guard let damaged = try context.store.damagedResult(of: job) else { return publish(job, run) }
            let failure = Failure(
                .crash, code: "worker.damaged_result",
                message: "\(damaged) does not read back as it was written",
                hint: "Check the outbox's disk; `clipdragd requeue \(job.id)` runs it again.")
            retry(job, failure, run)
        } catch {
            scheduler.enqueue(job)
            pauseStarts(error, of: job.inbox)
        }
    }

    /// Publishes a finished job and puts its inputs away. The daemon repeats a failed step later: the job's record says
    /// which steps are done.
    func publish(_ job: Job, _ run: RunSummary? = nil) {
        var job = job
        do {
            let needed = try stillNeeded(of: job)
            let isKnown = history.contains(job.id)
            if isKnown { try history.sync() }
            let start = ContinuousClock.now
            try context.store.complete(&job, isKnown: isKnown, stillNeeded: needed) {
                (job, folder, isNew) throws(FileError) in
                if isNew { context.metrics.countPublishing(.now - start) }
                try recordEnd(job, .published(folder))
                showInGallery(job, .published(folder))
                var fields = ["published_as": folder]
                fields["verdict"] = job.verdict?.words
                if isNew { fields["delays"] = delays(job, run, publishing: .now - start) }
                let message = isNew ? "published" : "published before the restart"
                context.log.event(
                    .published, [message, job.verdict?.words].compactMap { $0 }.joined(separator: ": "), job,
                    run: run, fields)
            }
            removeFailedFolders(of: job)
            scheduler.forget(job)
            inboxes[job.inbox]?.checkLeft(job.inputs, context.files)
        } catch {
            // A published job no longer needs its inputs: another job may put them away.
            if job.state == .publishing { scheduler.releaseInputs(of: job) }
            scheduler.enqueue(job)
            pauseStarts(error, of: job.inbox)
        }
    }

    /// Removes the folders of earlier jobs that failed for their spec alone: a corrected spec has been published.
    private func removeFailedFolders(of job: Job) {
        let failed = history.failedSpecs(of: job)
        for record in failed {
            guard let folder = record.folder, FailedFolder.isOf(record.id, folder, context.files) else {
                continue
            }
            guard (try? context.store.removeSuperseded(folder, record)) == true else { continue }
            context.log.write(
                .info, "removed: a corrected spec is published",
                ["path": folder, "job": record.id, "name": record.name])
        }
        if !failed.isEmpty { history.forgetFailedSpecs(of: job) }
    }

    /// Publishes again the jobs whose publishing failed.
    ///
    /// - Returns: whether there were any.
    func publishAgain() -> Bool {
        let jobs = scheduler.takeUnpublished()
        for job in jobs { if job.state == .running { publishIfUndamaged(job) } else { publish(job) } }
        return !jobs.isEmpty
    }

    /// How a job's time divides, in seconds: settling, waiting, the last run, publishing; `-` for what this daemon has not
    /// measured.
    private func delays(_ job: Job, _ run: RunSummary?, publishing: Duration) -> String {
        let runSeconds = run?.duration.map { $0 / .seconds(1) }
        let claim = scheduler.claim(of: job)
        let waited = claim.flatMap { claim in
            runSeconds.map { (ContinuousClock.now - claim.at - publishing) / .seconds(1) - $0 }
        }
        return [claim?.settled, waited, runSeconds, publishing / .seconds(1)]
            .map { $0.map { String(format: "%.2f", max(0, $0)) } ?? "-" }.joined(separator: "/")
    }

    /// The job's pictures that stay in the inbox because a waiting spec or another job needs them.
    private func stillNeeded(of job: Job) throws(FileError) -> Set<String> {
        let inbox = try inboxes.upToDate(job.inbox)
        return Set(
            job.inputs.filter {
                inbox?.findings.named.contains($0) ?? false
                    || scheduler.isNeeded($0, in: job.inbox, besides: job)
            })
    }

    /// Records how a job ended, for the hook and in the history.
    private func recordEnd(_ job: Job, _ outcome: JobHistory.Outcome) throws(FileError) {
        // The hook's event first: if the daemon dies between the two, the hook gets the event twice rather than never.
        let record = EndedJob(job, outcome)
        if context.configuration.hook != nil { try hook.add(record) }
        try history.add(record)
        context.metrics.countEnd(outcome, job.verdict)
    }

    /// Notes a job whose folder is there for the gallery. A failure is told and costs the job nothing.
    private func showInGallery(_ job: Job, _ outcome: JobHistory.Outcome) {
        guard context.configuration.gallery != nil else { return }
        do throws(FileError) {
            try gallery.add(EndedJob(job, outcome), picture: job.image.map { "\(job.claim)/\($0)" })
        } catch {
            context.log.write(.warning, "the gallery will not show this job: \(error)", ["job": job.id])
        }
    }

    // MARK: - Failing

    /// Fails a job: moves its inputs below `failed`, with the error.
    ///
    /// - Returns: whether that succeeded; if not, the job waits in the queue.
    @discardableResult func fail(_ job: Job, _ failure: Failure, _ run: RunSummary? = nil) -> Bool {
        do {
            var named = failure
            named.place?.file = lastComponent(failure.place?.file ?? "")
            // Crashes are counted as they happen; any other failure ends one more attempt.
            let isCrash = failure.kind.isOfWorker
            let attempts = isCrash ? job.crashes : job.crashes + 1
            let needed = try stillNeeded(of: job)
            var place: String?
            try context.store.fail(job, named, attempts: attempts, stillNeeded: needed) {
                (folder) throws(FileError) in
                try recordEnd(job, .failed(failure, folder))
                place = folder
            }
            // The gallery looks into the folder, which is there now.
            if let place { showInGallery(job, .failed(failure, place)) }
            scheduler.forget(job)
            inboxes[job.inbox]?.checkLeft(job.inputs, context.files)
            failures += 1
            context.metrics.countError(failure.code, isCrash ? .crash : .job)
            context.log.event(
                .failed, "failed: \(failure.message)", job, run: run, level: .error,
                EventLog.fields(failure.code, isCrash ? .crash : .job, stage: run?.stage))
            return true
        } catch {
            var job = job
            if job.state == .running { job.state = .waiting }
            enqueueIfThere(job)
            pauseStarts(error, of: job.inbox)
            return false
        }
    }

    /// Puts a job back into the queue, unless its claim has gone: such a job has ended, and the next scan of its inbox
    /// completes what is left of it.
    func enqueueIfThere(_ job: Job) {
        guard context.store.isClaimGone(job) else { return scheduler.enqueue(job) }
        context.log.write(.warning, "the job's claim folder has gone", ["job": job.id, "name": job.name])
        scheduler.forget(job)
        inboxes.lookForLeftovers(job.inbox)
    }

    // MARK: - Places

    /// Pauses starts for a while after a failed file call: of the inbox's jobs if the file lies in the inbox, else of all jobs.
    func pauseStarts(_ error: FileError, of inbox: String) {
        context.metrics.countError(error.code, .place)
        let isOwn = error.path == inbox || error.path.hasPrefix("\(inbox)/")
        let fields = EventLog.fields(error.code, .place)
        pauseStarts(
            of: isOwn ? inbox : nil, error.description, kind: error.reason,
            fields.merging(["errno": String(error.errno.rawValue)]) { $1 })
    }

    /// Pauses all starts for a while because an executor cannot take a run.
    func pauseStarts(_ failure: Failure) {
        context.metrics.countError(failure.code, .place)
        pauseStarts(of: nil, Self.reason(failure), EventLog.fields(failure.code, .place))
    }

    /// A run has started, or has succeeded: the places that the daemon waited for work.
    func placesWorked(for job: Job, byStart: Bool = false) {
        for place in [nil, job.inbox] { placeWorked(place, byStart: byStart) }
    }

    /// An inbox that the daemon waited for works; nil: what every job needs.
    func placeWorked(_ inbox: String?, byStart: Bool = false) {
        guard let reason = scheduler.placeWorked(inbox, byStart: byStart) else { return }
        context.log.write(.notice, "waiting no more: \(reason)")
    }

    private func pauseStarts(
        of inbox: String? = nil, _ reason: String, kind: String? = nil, isOfRun: Bool = false,
        _ fields: [String: String] = [:]
    ) {
        guard scheduler.pauseStarts(of: inbox, reason, kind: kind, isOfRun: isOfRun, now) else { return }
        context.log.event(.waiting, "waiting: \(reason)", level: .warning, fields)
    }
}
