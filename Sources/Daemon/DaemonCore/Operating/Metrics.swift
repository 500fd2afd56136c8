import DurableFiles
import Foundation
import Verdicts

#if canImport(Glibc)
    import Glibc
#endif

/// Causes of an error, which decide what happens to the job.
enum ErrorKind: String {
    /// The job: it fails.
    case job
    /// A disk or folder: the job waits, and no attempt is counted.
    case place
    /// A run that crashed: the daemon runs the job again, up to `limits.attempts`.
    case crash
}

/// The counts since the start, and their text for Prometheus (node_exporter's textfile collector).
final class Metrics {
    /// The gauges of this moment.
    struct Sample {
        /// Jobs by state.
        var depths: [String: Int]
        /// Seconds since the oldest waiting job was dropped.
        var oldest: Double
        var orphans, overdueOrphans: Int
        /// Jobs below `failed`.
        var failed: Int
        /// Overflows of the kernel's event queue.
        var overflows: Int
        var version: String
        var isPaused, isWaiting: Bool
        /// How the daemon watches each inbox; nil: the inbox is away.
        var modes: [Watcher.Mode?]
        /// Folders whose free space is reported.
        var places: [String]
    }

    private static let interval = 5.0
    private let started = Date().timeIntervalSince1970
    private var (published, failed) = (0, 0)
    private var verdicts: [String: Int] = [:]
    private var (runs, runSeconds) = (0, 0.0)
    private var lastSuccess = 0.0
    private var retries = 0
    private var hookFailures = 0
    private var scans: [String: Int] = [:]
    private var errors: [String: Int] = [:]
    private var watchesLost = 0
    private var (settles, settleSeconds) = (0, 0.0)
    private var (syncs, syncSeconds) = (0, 0.0)
    private var reloadSucceeded = true
    private var lastWritten = (text: "", time: 0.0)

    /// Seconds of a run, on average; nil before the first.
    var meanRun: Double? { runs > 0 ? runSeconds / Double(runs) : nil }

    /// Counts a run that has ended.
    func countRun(_ duration: Duration) {
        runs += 1
        runSeconds += duration / .seconds(1)
    }

    /// Counts a retry after a run that crashed.
    func countRetry() { retries += 1 }

    /// Counts a run of the hook that failed.
    func countHookFailure() { hookFailures += 1 }

    /// Counts a scan of an inbox.
    func countScan(_ reason: WatchedInbox.Reason) { scans[reason.rawValue, default: 0] += 1 }

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

    /// Counts a job that has ended, and the answers of a published job's verdict.
    func countEnd(_ outcome: JobHistory.Outcome, _ verdict: EditVerdict?) {
        switch outcome {
        case .published:
            published += 1
            for (question, answer) in verdict?.answers ?? [] {
                verdicts[Self.labels(question, answer), default: 0] += 1
            }
            lastSuccess = Date().timeIntervalSince1970.rounded()
        case .failed: failed += 1
        }
    }

    /// Notes whether the last reload of the configuration succeeded.
    func noteReload(succeeded: Bool) { reloadSucceeded = succeeded }

    /// Writes the file at once when a count has changed, else every five seconds at most.
    func write(_ sample: Sample, to path: String, _ files: some FileSystem, _ now: Double) {
        guard now - lastWritten.time >= Self.interval || counts != lastWritten.text else { return }
        lastWritten = (counts, now)
        // The daemon works on without metrics.
        try? files.replace(path, Array(text(sample).utf8), mode: 0o644)
    }

    private static func labels(_ question: String, _ answer: String) -> String {
        "{question=\"\(question)\",answer=\"\(answer)\"}"
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
        family(
            "verdicts_total", "counter", "Answers of verdicts, by question.",
            EditVerdict.questions.flatMap { question, answers in
                answers.map { answer in
                    let labels = Self.labels(question, answer)
                    return (labels, Double(verdicts[labels] ?? 0))
                }
            })
        for (name, help, sum, count) in [
            ("job_duration", "Duration of runs.", runSeconds, runs),
            ("settle", "Time from a pair's last change to its claim.", settleSeconds, settles),
            ("publish_fsync", "Time to make results durable and visible.", syncSeconds, syncs),
        ] {
            lines += [
                "# HELP clipdragd_\(name)_seconds \(help)", "# TYPE clipdragd_\(name)_seconds summary",
                "clipdragd_\(name)_seconds_sum \(sum)", "clipdragd_\(name)_seconds_count \(count)",
            ]
        }
        family(
            "queue_depth", "gauge", "Jobs by state.",
            ["waiting", "held", "publishing", "running"].map {
                ("{state=\"\($0)\"}", Double(sample.depths[$0] ?? 0))
            })
        one("oldest_queued_age_seconds", "gauge", "Age of the oldest waiting job.", sample.oldest)
        one(
            "orphans", "gauge", "Specs and pictures that wait for their counterpart.",
            Double(sample.orphans))
        one(
            "overdue_orphans", "gauge", "Orphans that have waited longer than limits.orphan_after.",
            Double(sample.overdueOrphans))
        one(
            "failed_jobs", "gauge", "Failed jobs whose folders lie below `failed`.",
            Double(sample.failed))
        one("worker_restarts_total", "counter", "Retries after a run crashed.", Double(retries))
        one("hook_failures_total", "counter", "Runs of the hook that failed.", Double(hookFailures))
        family(
            "rescans_total", "counter", "Scans of whole inboxes, by cause.",
            WatchedInbox.Reason.allCases.map {
                ("{reason=\"\($0.rawValue)\"}", Double(scans[$0.rawValue] ?? 0))
            })
        family(
            "errors_total", "counter", "Errors, by code and by what is at fault: job, place or crash.",
            errors.sorted { $0.key < $1.key }.map { ("{\($0.key)}", Double($0.value)) })
        one("watches_lost_total", "counter", "Inboxes that went away or were replaced.", Double(watchesLost))
        one(
            "inotify_overflows_total", "counter", "Overflows of the kernel's event queue.",
            Double(sample.overflows))
        family(
            "watch_mode", "gauge", "How the daemon watches each inbox.",
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
        one("config_reload_success", "gauge", "1 when the last reload succeeded.", reloadSucceeded ? 1 : 0)
        return lines.joined(separator: "\n") + "\n"
    }

    private static func freeBytes(_ path: String) -> Double? {
        var found = statvfs()
        return statvfs(PathCoding.cString(path), &found) == 0
            ? Double(found.f_bavail) * Double(found.f_frsize) : nil
    }
}
