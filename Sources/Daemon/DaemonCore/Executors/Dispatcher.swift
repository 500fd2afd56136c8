import Failures
import Foundation
import JobFiles
import Logging
import ServiceConfiguration
import SpecParser

/// Starts runs, recovers the runs of earlier daemons, and passes on how runs ended.
final class Dispatcher {
    private let context: DaemonContext
    private let scheduler: Scheduler
    private let runs: Runs
    private let history: JobHistory
    private let lifecycle: JobLifecycle
    private var nextConfirmation = 0.0

    init(
        _ context: DaemonContext, _ scheduler: Scheduler, _ runs: Runs, _ history: JobHistory,
        _ lifecycle: JobLifecycle
    ) {
        self.context = context
        self.scheduler = scheduler
        self.runs = runs
        self.history = history
        self.lifecycle = lifecycle
    }

    private var now: Double { ServiceClock.now }

    private func order(_ job: Job) -> RunOrder {
        RunOrder(
            job: job.id, name: job.name, spec: "\(job.claim)/\(job.spec)",
            image: job.image.flatMap { $0.contains("/") ? nil : "\(job.claim)/\($0)" },
            results: context.store.unpublished(job), attempt: job.crashes + 1,
            duplicateOf: history.published(digest: job.digest))
    }

    // MARK: - Starting

    /// Starts as many runs as the configuration allows.
    func startRuns() {
        guard !scheduler.areStartsPaused(now) else { return }
        while runs.count < context.configuration.workers, let job = scheduler.takeNext(now) {
            // The claim of an earlier daemon may not have been judged.
            if let failure = context.store.mistake(in: job) {
                lifecycle.fail(job, failure)
                continue
            }
            guard start(job) else { return }
        }
    }

    /// - Returns: whether other jobs may start: the places that all need, and the executor, work.
    private func start(_ job: Job) -> Bool {
        var ready = job
        ready.run = runs.nextReference
        do {
            lifecycle.cacheStages(of: job)
            try context.store.prepareRun(&ready)
        } catch {
            lifecycle.enqueueIfThere(job)
            lifecycle.pauseStarts(error, of: job.inbox)
            return !scheduler.areStartsPaused(now)
        }
        do {
            let running = try runs.start(ready, order(ready))
            // If the record cannot be saved, the executor finds the run by the job's ID.
            try? context.store.save(running)
            context.log.event(
                .started, "started", running, level: scheduler.isPostponed(job) ? .debug : .info,
                ["executor": running.run?.executor ?? "", "run": running.run?.id ?? ""])
            lifecycle.placesWorked(for: job, byStart: true)
            return true
        } catch {
            lifecycle.enqueueIfThere(job)
            lifecycle.pauseStarts(error)
            return false
        }
    }

    // MARK: - Ends

    /// Passes on the runs that have ended.
    func concludeEnded() {
        runs.apply(context.configuration.runLimits)
        for ended in runs.takeEnded() {
            if let duration = ended.summary.duration { context.metrics.countRun(duration) }
            lifecycle.conclude(ended)
        }
        guard now >= nextConfirmation else { return }
        for job in runs.unconfirmed { recover(job) }
    }

    // MARK: - Recovery

    /// Asks the executor whether a run of an earlier daemon is alive, finished or gone. Updates the job's record and the
    /// scheduler.
    func recover(_ job: Job) {
        var waiting = job
        (waiting.state, waiting.run) = (.waiting, nil)
        do {
            switch try runs.recover(job, order(job)) {
            case nil: nextConfirmation = now + Scheduler.placeSeconds
            case .alive?: break
            case .finished(let end)?:
                lifecycle.conclude(Runs.Ended(job: job, end: end, summary: RunSummary()))
            case .gone?: scheduler.enqueue(waiting)
            }
        } catch {
            context.log.write(
                .error, "the job is held: the executor of its run, `\(error.name)`, is unknown",
                ["job": job.id, "name": job.name])
            waiting.state = .held
            scheduler.enqueue(waiting)
        }
    }
}
