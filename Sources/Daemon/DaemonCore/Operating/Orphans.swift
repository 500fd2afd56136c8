import DurableFiles
import Foundation
import Logging
import ServiceConfiguration

/// The specs and pictures of all inboxes that wait for their counterpart.
final class Orphans {
    private let context: DaemonContext
    private let inboxes: Inboxes
    private let scheduler: Scheduler
    private var timer = OrphanTimer()
    private var lines = LineBudget()
    private(set) var pace = ChorePace()

    init(_ context: DaemonContext, _ inboxes: Inboxes, _ scheduler: Scheduler) {
        self.context = context
        self.inboxes = inboxes
        self.scheduler = scheduler
    }

    /// The orphans as of the last update, less those that have gone since.
    var known: [Orphan] {
        timer.orphans.filter { inboxes[$0.inbox]?.findings.waiting[$0.file] != nil && isOrphan($0) }
    }
    /// When the next one is overdue, seconds since 1970.
    var nextTime: Double { timer.next ?? .infinity }
    /// The orphans now: not the files of jobs, nor pictures that stay after their job.
    var present: [Orphan] {
        inboxes.all.flatMap { inbox in
            inbox.findings.orphans(in: inbox.path).filter(isOrphan).sorted { $0.file < $1.file }
        }
    }

    private func isOrphan(_ orphan: Orphan) -> Bool {
        !scheduler.isNeeded(orphan.file, in: orphan.inbox)
            && !(context.configuration.inputs == .keep && InboxNames.isPicture(orphan.file))
    }

    /// Updates the orphans, and reports those that are overdue.
    ///
    /// - Parameter hasNews: whether something may have changed.
    func update(hasNews: Bool) {
        pace.run(hasNews: hasNews) {
            let now = ServiceClock.now
            let overdue = timer.update(present, now: now, after: context.configuration.limits.orphanAfter)
            report(overdue.filter { $0.obstacle == nil && isThere($0) }, now)
        }
    }

    /// Whether the file still lies in its inbox: a polled inbox tells of no removal.
    private func isThere(_ orphan: Orphan) -> Bool {
        (try? context.files.status("\(orphan.inbox)/\(orphan.file)")) != nil
    }

    /// What explains an orphan, behind what is said of it: a file that its author may take for the missing one.
    ///
    /// - Parameter separator: stands before it.
    func reason(of orphan: Orphan, separator: String = "; ") -> String {
        let words = orphan.lookalike.map { $0.sentence(in: orphan.inbox) }
        let beside = FilesBeside.sentences(about: orphan.file, in: orphan.inbox, context.files)
        guard let reason = words ?? (InboxNames.isSpec(orphan.file) ? beside.first : nil) else { return "" }
        return separator + reason
    }

    private func report(_ overdue: [Orphan], _ now: Double) {
        let (shown, untold) = lines.take(overdue, now)
        for orphan in shown {
            context.log.event(
                .orphan, orphan.sentence + reason(of: orphan), level: .warning,
                ["inbox": orphan.inbox, "file": orphan.file])
        }
        if untold > 0 {
            context.log.event(
                .orphan, "\(untold) more orphans; `clipdragd status` counts them", level: .warning)
        }
    }
}

/// A spec or a picture without its counterpart.
struct Orphan: Equatable {
    let inbox, file: String
    /// Seconds since 1970.
    let since: Double
    /// What keeps it from being a counterpart itself; nil: its counterpart has not come.
    var obstacle: String?
    /// A picture beside a spec whose name differs from the one meant in its Unicode composition alone.
    var lookalike: InboxScanner.Lookalike?
    /// Whether it has waited for longer than `limits.orphan_after`.
    var isOverdue = false

    /// What the log says of it.
    var sentence: String {
        "orphan: its \(InboxNames.isSpec(file) ? "picture" : "spec") has not come"
    }
}

extension InboxScanner.Findings {
    /// The orphans of an inbox.
    func orphans(in inbox: String) -> [Orphan] {
        waiting.map { name, since in
            Orphan(
                inbox: inbox, file: name, since: since, obstacle: obstacle(of: name),
                lookalike: lookalikes[name])
        }
    }

    private func obstacle(of name: String) -> String? {
        if unreadable[name] != nil { return "cannot be read" }
        if downloads[name] != nil { return "still downloaded" }
        return placeholders.contains(name) ? "empty" : nil
    }
}
