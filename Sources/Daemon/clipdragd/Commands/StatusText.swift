import DaemonCore
import DurableFiles
import Foundation

/// `clipdragd status` for people. Every list in it is short: a count stands for the rest.
struct StatusText {
    /// The waiting jobs and the orphans that are named.
    private static let shown = 10
    private let status: DaemonStatus
    private let daemon: StateReader
    private let now: Date

    init(_ status: DaemonStatus, _ daemon: StateReader, now: Date = Date()) {
        (self.status, self.daemon, self.now) = (status, daemon, now)
    }

    /// All lines.
    var text: String { (service + counts + running + waiting + orphans).joined(separator: "\n") }

    private func row(_ title: String, _ words: String?...) -> String {
        let words = words.compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: " ")
        return title.padding(toLength: 11, withPad: " ", startingAt: 0) + PathCoding.onOneLine(words)
    }

    private var service: [String] {
        [
            row(
                "daemon", daemon.isAlive ? "running, process \(status.pid)" : "not running",
                daemon.obstacle.map { "(\($0))" })
        ] + status.inboxes.map { row("inbox", "\($0.path), \($0.watch)") }
            + [status.outbox.map { row("outbox", $0) }].compactMap { $0 }
    }

    private var counts: [String] {
        let held = status.waiting.count { $0.state == .held }
        let ofToday = status.today.day == now.localDay
        let (published, failed) = ofToday ? (status.today.published, status.today.failed) : (0, 0)
        var lines = [
            row(
                "jobs",
                "\(status.running.count) running, \(status.waiting.count) waiting\(held > 0 ? " (\(held) held)" : ""); today \(published) published, \(failed) failed"
            )
        ]
        if daemon.isAlive, let seconds = status.forecast {
            lines.append(row("forecast", "all jobs have ended in at most about \(Self.span(seconds))"))
        }
        return lines
    }

    private var running: [String] {
        status.running.map { job in
            row(
                "running", job.name, job.progress,
                elapsed(job), job.id)
        }
    }

    /// `for 40 s of at most about 2 min`
    private func elapsed(_ job: DaemonStatus.RunningJob) -> String? {
        guard daemon.isAlive, let started = job.started else { return nil }
        let whole = job.forecast.map { " of at most about \(Self.span($0))" } ?? ""
        return "for \(Self.span(max(0, now.timeIntervalSince1970 - started)))\(whole)"
    }

    private var waiting: [String] {
        let more = status.waiting.count - Self.shown
        return status.waiting.prefix(Self.shown).map {
            row("waiting", $0.name, $0.id, $0.state == .held ? "(held)" : nil)
        } + (more > 0 ? [row("", "and \(more) more: `clipdragd list`")] : [])
    }

    private var orphans: [String] {
        let more = status.orphanCount - min(Self.shown, status.orphans.count)
        return status.orphans.prefix(Self.shown).map {
            row("orphan", $0.file, $0.obstacle.map { "(\($0))" } ?? ($0.overdue ? "(overdue)" : nil))
        }
            + (more > 0
                ? [
                    row(
                        "",
                        "and \(more) more: \(status.orphanCount) orphans in all, \(status.overdueCount) overdue"
                    )
                ] : [])
    }

    /// Seconds for people: `40 s`, `3 min`, `2 h 5 min`.
    static func span(_ seconds: Double) -> String {
        if seconds < 90 { return "\(Int(seconds.rounded(.up))) s" }
        let minutes = Int((seconds / 60).rounded(.up))
        return minutes < 90 ? "\(minutes) min" : "\(minutes / 60) h \(minutes % 60) min"
    }
}

extension DaemonStatus.RunningJob {
    /// Its stage and step: `drag 12/80`.
    var progress: String? {
        stage.map { "\($0)\(total.map { " \(step ?? 0)/\($0)" } ?? "")" }
    }
}
