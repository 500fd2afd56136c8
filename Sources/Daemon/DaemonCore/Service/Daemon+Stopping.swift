import Failures
import Foundation
import JobFiles
import Logging
import SpecParser
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// The end of a run, and what is told of the state.
extension Daemon {
    /// Ends: workers are asked, then killed; their jobs and all that wait go back to the inboxes.
    func finish() -> ExitStatus {
        notifier.stopping()
        for worker in workers { worker.signal(stop == .atOnce ? SIGKILL : SIGTERM) }
        // Together with what giving back may take, below two seconds.
        let deadline = ContinuousClock.now + .milliseconds(700)
        var ended: [Job] = []
        for worker in workers {
            var status: Int32 = 0
            while waitpid(worker.pid, &status, WNOHANG) == 0 {
                takeSignals()
                if ContinuousClock.now > deadline || stop == .atOnce { worker.signal(SIGKILL) }
                usleep(10_000)
            }
            keepStages(of: worker.job)
            if worker.end(status) == .succeeded {
                succeeded(worker.job, worker.stage, Date().timeIntervalSince1970)
            } else {
                ended.append(worker.job)
            }
        }
        workers = []
        // Running jobs first. What there is no time for stays claimed: the next start takes it up as well.
        let end = ContinuousClock.now + .milliseconds(800)
        for job in ended + queue.all
        where ContinuousClock.now < end && job.state != .publishing && job.state != .held && job.crashes == 0
        {
            notifier.stillBusy()
            do {
                try store.returnToInbox(job)
                tell(.returned, "returned to the inbox", job)
            } catch {
                log.warning("the claim stays for the next start: \(error)", metadata: ["job": "\(job.id)"])
            }
        }
        queue = JobQueue()
        hook.stop()
        writeStatus(atOnce: true)
        tell(.stopped, "stopped")
        return .ok
    }

    /// Tells what goes on: in status.json and the metrics, as often as the length of the queue allows, and to systemd.
    func writeStatus(atOnce: Bool = false) {
        statusPace.run(isNews: !isChoreTurn, atOnce: atOnce) {
            records.writeStatus(
                queue: queue.all, workers: workers, halves: orphans.halves, inboxes: inboxes,
                outbox: configuration.outbox, hindrance: hindrance, files)
            writeMetrics()
            // The text of a long queue is not kept.
            if queue.count > 500 { cl_trim_memory() }
        }
        let away = inboxes.filter { !$0.isAttached }.map(\.path)
        let polled = inboxes.filter { $0.isAttached && $0.mode != .inotify }.map(\.path)
        notifier.status(
            "\(workers.count) running, \(queue.count) waiting, \(failures) failed"
                + (hindrance.map { "; \($0)" } ?? "")
                + (away.isEmpty ? "" : "; degraded: \(away.joined(separator: ", ")) is not there")
                + (polled.isEmpty ? "" : "; polling \(polled.joined(separator: ", "))"))
    }

    /// Why nothing is started now; nil: what waits is started in its turn.
    var hindrance: String? {
        if control.isPaused { return "paused" }
        if control.isDraining { return "draining" }
        return pausedUntil == nil ? nil : "waiting: \(pauseReason)"
    }
}
