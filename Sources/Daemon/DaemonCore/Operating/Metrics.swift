import DurableFiles
import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// What is at fault, and so what becomes of the job.
enum ErrorKind: String {
    /// The job's own: it is set aside.
    case job
    /// A disk's or folder's: the job waits and is charged nothing.
    case place
    /// A run's crash: the job is tried again, some times.
    case crash
}

/// What has been counted since the start, and its text for Prometheus (node_exporter's textfile collector).
final class Metrics {
    /// The gauges of this moment.
    struct Sample {
        /// Jobs by state.
        var depths: [String: Int]
        /// Seconds since the oldest waiting job was dropped.
        var oldest: Double
        var waitingHalves, orphans: Int
        /// Jobs that lie below `failed`.
        var quarantined: Int
        /// Times that the kernel's queue of events ran over.
        var overflows: Int
        var version: String
        var isPaused, isWaiting: Bool
        /// How each inbox is watched; nil: it is not there.
        var modes: [Watcher.Mode?]
        /// Folders whose free space is told.
        var places: [String]
    }

    private static let interval = 5.0
    private let started = Date().timeIntervalSince1970
    private var (published, failed) = (0, 0)
    private var (runs, runSeconds) = (0, 0.0)
    private var lastSuccess = 0.0
    private var retries = 0
    private var hookFailures = 0
    private var looks: [String: Int] = [:]
    private var errors: [String: Int] = [:]
    private var watchesLost = 0
    private var (settles, settleSeconds) = (0, 0.0)
    private var (syncs, syncSeconds) = (0, 0.0)
    private var reloadSucceeded = true
    private var lastWritten = (text: "", time: 0.0)

    /// Counts a run that has ended.
    func countRun(_ duration: Duration) {
        runs += 1
        runSeconds += Double(duration.components.seconds)
    }

    /// Counts another try after a run that crashed.
    func countRetry() { retries += 1 }

    /// Counts a run of the hook that failed.
    func countHookFailure() { hookFailures += 1 }

    /// Counts a look at an inbox.
    func countLook(_ reason: WatchedInbox.Reason) { looks[reason.rawValue, default: 0] += 1 }

    /// Counts an inbox that went away or was replaced.
    func countLostWatch() { watchesLost += 1 }

    /// Counts an error.
    func countError(_ code: String, _ kind: ErrorKind) {
        errors["code=\"\(code)\",type=\"\(kind.rawValue)\"", default: 0] += 1
    }

    /// Counts a claim, and the seconds from the last change of its files.
    func countClaim(settled seconds: Double) {
        settles += 1
        settleSeconds += max(0, seconds)
    }

    /// Counts a result that was made durable and visible, and how long that took.
    func countPublishing(_ duration: Duration) {
        syncs += 1
        syncSeconds += duration / .seconds(1)
    }

    /// Counts a job that has ended.
    func countEnd(_ outcome: JobHistory.Outcome) {
        switch outcome {
        case .published:
            published += 1
            lastSuccess = Date().timeIntervalSince1970.rounded()
        case .failed: failed += 1
        }
    }

    /// Notes whether the last reload of the configuration succeeded.
    func noteReload(succeeded: Bool) { reloadSucceeded = succeeded }

    /// Writes the file, at once, when a count has changed; gauges that only drift wait for that or five seconds.
    func write(_ sample: Sample, to path: String, _ files: some FileSystem, _ now: Double) {
        guard now - lastWritten.time >= Self.interval || counts != lastWritten.text else { return }
        lastWritten = (counts, now)
        // Metrics that cannot be written are no reason to stop working.
        try? files.replace(path, Array(text(sample).utf8), mode: 0o644)
    }

    private var counts: String {
        "\(published) \(failed) \(runs) \(retries) \(hookFailures) \(reloadSucceeded) \(errors.values.reduce(0, +))"
    }

    /// The exposition format, one family after another.
    func text(_ sample: Sample) -> String {
        var lines: [String] = []
        func family(
            _ name: String, _ type: String, _ help: String, _ values: [(labels: String, value: Double)]
        ) {
            lines += ["# HELP clipdragd_\(name) \(help)", "# TYPE clipdragd_\(name) \(type)"]
            lines += values.map { "clipdragd_\(name)\($0.labels) \($0.value)" }
        }
        func one(_ name: String, _ type: String, _ help: String, _ value: Double) {
            family(name, type, help, [("", value)])
        }
        family(
            "jobs_total", "counter", "Jobs that ended, by result.",
            [("{result=\"published\"}", Double(published)), ("{result=\"failed\"}", Double(failed))])
        for (name, help, sum, count) in [
            ("job_duration", "Time of workers.", runSeconds, runs),
            ("settle", "From a pair's last change, as seen, to its claim.", settleSeconds, settles),
            ("publish_fsync", "Making results durable and visible.", syncSeconds, syncs),
        ] {
            lines += [
                "# HELP clipdragd_\(name)_seconds \(help)", "# TYPE clipdragd_\(name)_seconds summary",
                "clipdragd_\(name)_seconds_sum \(sum)", "clipdragd_\(name)_seconds_count \(count)",
            ]
        }
        family(
            "queue_depth", "gauge", "Jobs by state.",
            ["claimed", "held", "publishing", "running"].map {
                ("{state=\"\($0)\"}", Double(sample.depths[$0] ?? 0))
            })
        one("oldest_queued_age_seconds", "gauge", "Age of the oldest waiting job.", sample.oldest)
        one("waiting_halves", "gauge", "Files without their other half.", Double(sample.waitingHalves))
        one("orphans", "gauge", "Of these, those beyond limits.orphan_after.", Double(sample.orphans))
        one(
            "quarantined", "gauge", "Jobs that were set aside and are still there.",
            Double(sample.quarantined))
        one("worker_restarts_total", "counter", "Tries after a worker's death.", Double(retries))
        one("hook_failures_total", "counter", "Runs of the hook that failed.", Double(hookFailures))
        family(
            "rescans_total", "counter", "Looks at whole inboxes, by what asked for them.",
            WatchedInbox.Reason.allCases.map {
                ("{reason=\"\($0.rawValue)\"}", Double(looks[$0.rawValue] ?? 0))
            })
        family(
            "errors_total", "counter", "What went wrong, by code and by whose fault it is.",
            errors.sorted { $0.key < $1.key }.map { ("{\($0.key)}", Double($0.value)) })
        one("watches_lost_total", "counter", "Inboxes that went away or were replaced.", Double(watchesLost))
        one("inotify_overflows_total", "counter", "Queues of events that ran over.", Double(sample.overflows))
        family(
            "watch_mode", "gauge", "How each inbox is watched.",
            sample.modes.enumerated().map {
                ("{inbox=\"\($0.offset)\",mode=\"\($0.element?.rawValue ?? "away")\"}", 1)
            })
        let free = sample.places.compactMap { Self.freeBytes($0) }
        family(
            "disk_free_bytes", "gauge", "Free space for results and for state.",
            zip(["outbox", "state"], free).map { ("{place=\"\($0)\"}", $1) })
        one("paused", "gauge", "1 while paused or draining by command.", sample.isPaused ? 1 : 0)
        one("waiting_for_place", "gauge", "1 while a disk or folder does not work.", sample.isWaiting ? 1 : 0)
        one(
            "last_success_timestamp_seconds", "gauge", "When a job was last published; 0: never.", lastSuccess
        )
        family("build_info", "gauge", "The program.", [("{version=\"\(sample.version)\"}", 1)])
        one("start_timestamp_seconds", "gauge", "When the daemon started.", started.rounded())
        one("config_reload_success", "gauge", "1 when the last reload took.", reloadSucceeded ? 1 : 0)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func freeBytes(_ path: String) -> Double? {
        var found = statvfs()
        return statvfs(PathCoding.cString(path), &found) == 0
            ? Double(found.f_bavail) * Double(found.f_frsize) : nil
    }
}
