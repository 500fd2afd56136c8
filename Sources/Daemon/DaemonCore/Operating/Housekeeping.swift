import Foundation
import JobFiles
import Logging
import ServiceConfiguration

/// What is done beside the jobs: the hook, lone halves, and what has been kept for long enough.
final class Housekeeping {
    private let context: DaemonContext
    private let hook: CompletionHook
    private let loneHalves: LoneHalves
    private var retention = Retention()

    init(_ context: DaemonContext, _ hook: CompletionHook, _ loneHalves: LoneHalves) {
        self.context = context
        self.hook = hook
        self.loneHalves = loneHalves
    }

    /// Does what is due.
    ///
    /// - Parameter isNews: whether something may have changed since the last turn.
    func run(isNews: Bool) {
        let now = Date().timeIntervalSince1970
        loneHalves.update(isNews: isNews)
        for event in hook.run(context.configuration.hook, now) { report(event) }
        if retention.isDue(now) {
            for path in retention.expire(context.configuration, context.files, now) {
                context.log.write(.info, "removed after its time", ["path": path])
            }
        }
    }

    private func report(_ event: CompletionHook.Event) {
        switch event {
        case .notStarted(let reason):
            context.log.write(.warning, "the hook could not be started: \(reason)")
        case .failed(let id):
            context.metrics.countHookFailure()
            context.log.write(.warning, "the hook failed; trying again", ["job": id])
        case .gaveUp(let id):
            context.metrics.countHookFailure()
            context.log.write(
                .error, "the hook failed for the last time", ["job": id, "code": "hook.failed"])
        }
    }

    /// Whether the hook has been given every event.
    var isIdle: Bool { context.configuration.hook == nil || hook.isIdle }

    /// Ends what runs.
    func stop() { hook.stop() }

    /// When something is due next, seconds since 1970.
    func nextTime(_ now: Double) -> Double {
        let configuration = context.configuration
        var next = min(loneHalves.nextTime, configuration.hook == nil ? .infinity : hook.nextTime)
        let kept = configuration.retention
        if [kept.archive, kept.failed, kept.outbox].contains(where: { $0 != nil }) {
            next = min(next, retention.next)
        }
        return next
    }
}
