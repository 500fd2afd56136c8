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
    private let loneHalves: LoneHalves
    private let notifier: ServiceNotifier
    private(set) var pace = ChorePace()
    /// The digest of the last status.json: with thousands of jobs the text is long.
    private var lastStatus = ""

    init(
        _ context: DaemonContext, _ inboxes: Inboxes, _ scheduler: Scheduler, _ runs: Runs,
        _ lifecycle: JobLifecycle, _ loneHalves: LoneHalves, _ notifier: ServiceNotifier
    ) {
        self.context = context
        self.inboxes = inboxes
        self.scheduler = scheduler
        self.runs = runs
        self.lifecycle = lifecycle
        self.loneHalves = loneHalves
        self.notifier = notifier
    }

    /// Writes what has changed, as often as the length of the queue allows.
    ///
    /// - Parameters:
    ///   - order: the operator's order to start no jobs: `paused` or `draining`.
    ///   - hasNews: whether something may have changed.
    ///   - atOnce: writes it now.
    func update(order: String?, hasNews: Bool, atOnce: Bool = false) {
        let obstacle = order ?? scheduler.obstacle.map { "waiting: \($0.reason)" }
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
                stage: progress?.stage, step: progress?.step, total: progress?.total)
        }
        let waiting = scheduler.queue.all.map { job in
            DaemonStatus.WaitingJob(
                id: job.id, name: job.name, state: job.state, priority: job.priority, crashes: job.crashes)
        }
        let lone = loneHalves.known.map { half in
            DaemonStatus.LoneHalf(
                inbox: half.inbox, file: half.file, since: half.since.rounded(), orphan: half.isOrphan)
        }
        let watched = inboxes.all.map {
            DaemonStatus.Inbox(path: $0.path, watch: $0.mode?.rawValue ?? "away")
        }
        let status = DaemonStatus(
            pid: Int(getpid()), paused: obstacle != nil, why: obstacle, running: running, waiting: waiting,
            loneHalves: lone, outbox: context.configuration.outbox, inboxes: watched)
        let bytes = status.bytes
        let digest = Digest.sha256(bytes)
        guard digest != lastStatus else { return }
        lastStatus = digest
        // The daemon works on without a status.
        try? context.files.replace(
            StateLayout(context.setup.stateFolder).status, bytes, mode: 0o644)
    }

    private func writeMetrics(isPaused: Bool) {
        let configuration = context.configuration
        guard let path = configuration.metricsFile else { return }
        let now = Date().timeIntervalSince1970
        let queue = scheduler.queue
        var depths: [String: Int] = ["running": runs.count]
        for state in [Job.State.claimed, .held, .publishing] { depths[state.rawValue] = queue.count(state) }
        let failed = Set(configuration.inboxes.map { configuration.failedFolder(of: $0.path) })
        let quarantined = failed.reduce(0) { sum, folder in
            sum + ((try? context.files.list(folder))?.count { $0.kind == .directory } ?? 0)
        }
        let halves = loneHalves.known
        let sample = Metrics.Sample(
            depths: depths, oldest: queue.oldest.map { max(0, (now - $0).rounded()) } ?? 0,
            waitingHalves: halves.count, orphans: halves.count(where: \.isOrphan),
            quarantined: quarantined, overflows: inboxes.all.reduce(0) { $0 + $1.overflows },
            version: context.setup.version, isPaused: isPaused, isWaiting: scheduler.obstacle != nil,
            modes: inboxes.all.map(\.mode),
            places: [configuration.outbox ?? "/", context.setup.stateFolder])
        context.metrics.write(sample, to: path, context.files, now)
    }
}
