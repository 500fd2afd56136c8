import Foundation
import Logging
import ServiceConfiguration

/// The specs and pictures of all inboxes that wait for their counterpart.
final class LoneHalves {
    private let context: DaemonContext
    private let inboxes: Inboxes
    private let scheduler: Scheduler
    private var timer = OrphanTimer()
    private(set) var pace = ChorePace()

    init(_ context: DaemonContext, _ inboxes: Inboxes, _ scheduler: Scheduler) {
        self.context = context
        self.inboxes = inboxes
        self.scheduler = scheduler
    }

    /// The halves as of the last update.
    var known: [LoneHalf] { timer.halves }
    /// When the next one becomes an orphan, seconds since 1970.
    var nextTime: Double { timer.next ?? .infinity }
    /// The halves now: not the files of jobs, nor pictures that stay after their job.
    var present: [LoneHalf] {
        let keepsPictures = context.configuration.inputs == .keep
        return inboxes.all.flatMap { inbox in
            inbox.findings.waiting.filter { name, _ in
                !scheduler.isNeeded(name, in: inbox.path)
                    && !(keepsPictures && InboxNames.isPicture(name))
            }.sorted { $0.key < $1.key }
                .map { LoneHalf(inbox: inbox.path, file: $0.key, since: $0.value) }
        }
    }

    /// Updates the halves, and reports new orphans.
    ///
    /// - Parameter hasNews: whether something may have changed.
    func update(hasNews: Bool) {
        pace.run(hasNews: hasNews) {
            let now = ServiceClock.now
            for half in timer.update(present, now: now, after: context.configuration.limits.orphanAfter) {
                context.log.event(
                    .orphan, "orphan: its picture or spec has not come", level: .warning,
                    ["inbox": half.inbox, "file": half.file])
            }
        }
    }
}

/// A spec or picture without its counterpart.
struct LoneHalf {
    let inbox, file: String
    /// Seconds since 1970.
    let since: Double
    /// Whether it has waited for longer than `limits.orphan_after`.
    var isOrphan = false
}
