import Digests
import DurableFiles
import Foundation
import JobFiles
import JSON
import Logging
import ServiceConfiguration
internal import CLinux

/// Reports the daemon's state in status.json, in the metrics and to systemd.
final class StatusReport {
    private let context: DaemonContext
    private let inboxes: Inboxes
    private let scheduler: Scheduler
    private let runs: Runs
    private let lifecycle: JobLifecycle
    private let orphans: Orphans
    private let notifier: ServiceNotifier
    private(set) var pace = ChorePace()
    /// The digest of the last status.json: with thousands of jobs the text is long.
    private var lastStatus = ""

    init(
        _ context: DaemonContext, _ inboxes: Inboxes, _ scheduler: Scheduler, _ runs: Runs,
        _ lifecycle: JobLifecycle, _ orphans: Orphans, _ notifier: ServiceNotifier
    ) {
        self.context = context
        self.inboxes = inboxes
        self.scheduler = scheduler
        self.runs = runs
        self.lifecycle = lifecycle
        self.orphans = orphans
        self.notifier = notifier
    }

    private var reasonForWaiting: String? { scheduler.reasonForWaiting(ServiceClock.now) }

    /// Writes what has changed, as often as the length of the queue allows.
    ///
    /// - Parameters:
    ///   - order: the operator's order to start no jobs: `paused` or `draining`.
    ///   - hasNews: whether something may have changed.
    ///   - atOnce: writes it now.
    func update(order: String?, hasNews: Bool, atOnce: Bool = false) {
        let obstacle = order ?? reasonForWaiting.map { "waiting: \($0)" }
        pace.run(hasNews: hasNews, atOnce: atOnce) {
            writeStatus(obstacle)
            writeMetrics(isPaused: order != nil)
            // Free the memory of a long queue's text.
            if scheduler.queue.count > 500 { cl_trim_memory() }
        }
        let away = inboxes.all.filter { !$0.isAttached }.map(\.path)
        let polled = inboxes.all.filter { $0.isAttached && $0.mode != .inotify }.map(\.path)
        notifier.status(
            "\(runs.count) running, \(scheduler.queue.count) waiting, \(lifecycle.failures) failed"
                + (obstacle.map { "; \($0)" } ?? "")
                + (away.isEmpty ? "" : "; degraded: \(away.joined(separator: ", ")) is not there")
                + (polled.isEmpty ? "" : "; polling \(polled.joined(separator: ", "))"))
    }

    private func writeStatus(_ obstacle: String?) {
        let running = runs.all.map { run in
            let progress = runs.progress(of: run)
            return DaemonStatus.RunningJob(
                id: run.job.id, name: run.job.name, executor: run.executor.name, run: run.job.run?.id,
                stage: progress?.stage, step: progress?.step, total: progress?.total,
                started: run.seconds.map { (Date().timeIntervalSince1970 - $0).rounded() },
                forecast: progress?.forecast)
        }
        let waiting = scheduler.queue.all.map { job in
            DaemonStatus.WaitingJob(
                id: job.id, name: job.name, state: job.state, priority: job.priority, crashes: job.crashes,
                dropped: job.dropped.rounded())
        }
        let known = orphans.known
        let lone = known.prefix(DaemonStatus.shownOrphans).map { orphan in
            DaemonStatus.Orphan(
                inbox: orphan.inbox, file: orphan.file, since: orphan.since.rounded(),
                overdue: orphan.isOverdue, obstacle: orphan.obstacle)
        }
        let watched = inboxes.all.map {
            DaemonStatus.Inbox(path: $0.path, watch: $0.mode?.rawValue ?? "away")
        }
        let status = DaemonStatus(
            pid: Int(getpid()), paused: obstacle != nil, why: obstacle, running: running, waiting: waiting,
            orphans: lone, orphanCount: known.count, overdueCount: known.count(where: \.isOverdue),
            today: lifecycle.today, forecast: forecast, outbox: context.configuration.outbox,
            inboxes: watched)
        let bytes = status.bytes
        let digest = Digest.sha256(bytes)
        guard digest != lastStatus else { return }
        lastStatus = digest
        // The daemon works on without a status.
        try? context.files.replace(
            StateLayout(context.setup.stateFolder).status, bytes, mode: 0o644)
    }

    /// Seconds until all jobs have ended, by the forecasts of those that run and the mean of the runs so far.
    private var forecast: Double? {
        let mean = context.metrics.meanRun
        var seconds = 0.0
        for run in runs.all {
            guard let whole = runs.progress(of: run)?.forecast ?? mean else { return nil }
            seconds += max(0, whole - (run.seconds ?? 0))
        }
        let waiting = scheduler.queue.count(.waiting)
        guard waiting > 0 else { return runs.isEmpty ? nil : seconds.rounded(.up) }
        guard let each = mean ?? runs.all.lazy.compactMap({ self.runs.progress(of: $0)?.forecast }).max()
        else { return nil }
        let all = seconds + each * Double(waiting)
        return (all / Double(max(1, context.configuration.workers))).rounded(.up)
    }

    private func writeMetrics(isPaused: Bool) {
        let configuration = context.configuration
        guard let path = configuration.metricsFile else { return }
        let now = Date().timeIntervalSince1970
        let queue = scheduler.queue
        var depths: [String: Int] = ["running": runs.count]
        for state in [Job.State.waiting, .held, .publishing] { depths[state.rawValue] = queue.count(state) }
        let failed = Set(configuration.inboxes.map { configuration.failedFolder(of: $0.path) })
        let failedJobs = failed.reduce(0) { sum, folder in
            sum + ((try? context.files.list(folder))?.count { $0.kind == .directory } ?? 0)
        }
        let known = orphans.known
        let sample = Metrics.Sample(
            depths: depths, oldest: queue.oldest.map { max(0, (now - $0).rounded()) } ?? 0,
            orphans: known.count, overdueOrphans: known.count(where: \.isOverdue),
            failed: failedJobs, overflows: inboxes.all.reduce(0) { $0 + $1.overflows },
            version: context.setup.version, isPaused: isPaused, isWaiting: reasonForWaiting != nil,
            modes: inboxes.all.map(\.mode),
            places: [configuration.outbox ?? "/", context.setup.stateFolder])
        context.metrics.write(sample, to: path, context.files, now)
    }
}
