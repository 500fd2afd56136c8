import DurableFiles
import Foundation
import Logging
import SpecParser

/// What is done beside the jobs: the hook, lone halves, metrics, and what has been kept for long enough.
extension Daemon {
    /// A job has ended: it is remembered, counted, and told to the hook.
    func concluded(_ job: Job, _ outcome: Records.Outcome) throws(FileError) {
        // The hook's note first: a death between the two tells it twice, never not at all.
        if configuration.hook != nil {
            try hook.add(job.id, records.text(job, outcome, isShown: true), files)
        }
        try records.remember(job, outcome: outcome, files)
        counters.concluded(outcome)
    }

    func keepHouse() {
        let now = Date().timeIntervalSince1970
        orphanPace.run(isNews: !isChoreTurn) {
            for half in orphans.update(loneHalves, now: now, after: configuration.limits.orphanAfter) {
                tell(
                    .orphan, "a lone half: its picture or spec has not come", level: .warning,
                    ["inbox": half.inbox, "file": half.file])
            }
        }
        if let program = configuration.hook, let trouble = hook.tend(program, now, files) {
            log.warning("the hook could not be started: \(trouble)")
        }
        if housekeeping.isDue(now) {
            for path in housekeeping.expire(configuration, files, now) {
                log.info("removed after its time", metadata: ["path": "\(path)"])
            }
        }
    }

    /// A child that is no worker has ended.
    func hookEnded(_ pid: Int32, _ status: Int32) {
        let now = Date().timeIntervalSince1970
        switch hook.ended(pid, status, now, files) {
        case .succeeded, .none: break
        case .failed(let id):
            counters.hookFailures += 1
            log.warning("the hook failed; trying again", metadata: ["job": "\(id)"])
        case .gaveUp(let id):
            counters.hookFailures += 1
            log.error("the hook failed for the last time", metadata: ["job": "\(id)", "code": "hook.failed"])
        }
    }

    /// When something of this is due next, seconds since 1970.
    func nextHousekeeping(_ now: Double) -> Double {
        var next = min(orphans.next ?? .infinity, configuration.hook == nil ? .infinity : hook.next(now))
        let retention = configuration.retention
        if [retention.archive, retention.failed, retention.outbox].contains(where: { $0 != nil }) {
            next = min(next, housekeeping.next)
        }
        return next
    }

    func writeMetrics() {
        guard let path = configuration.metricsFile else { return }
        let now = Date().timeIntervalSince1970
        counters.overflows = inboxes.reduce(0) { $0 + $1.overflows }
        var depths: [String: Int] = ["running": workers.count]
        for state in [Job.State.claimed, .held, .publishing] { depths[state.rawValue] = queue.count(state) }
        let failed = Set(configuration.inboxes.map { configuration.failed ?? "\($0.path)/failed" })
        let quarantined = failed.reduce(0) { sum, folder in
            sum + ((try? files.list(folder))?.count { $0.kind == .directory } ?? 0)
        }
        let sample = Metrics.Sample(
            depths: depths, oldest: queue.oldest.map { max(0, (now - $0).rounded()) } ?? 0,
            waitingHalves: orphans.halves.count, orphans: orphans.halves.count { $0.isOrphan },
            quarantined: quarantined, version: setup.version,
            isPaused: control.isPaused || control.isDraining, isWaiting: pausedUntil != nil,
            modes: inboxes.map { $0.mode },
            places: [configuration.outbox ?? "/", setup.stateFolder])
        counters.write(sample, to: path, files, now)
    }
}
