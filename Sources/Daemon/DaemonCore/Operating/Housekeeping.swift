import Foundation
import JobFiles
import Logging
import ServiceConfiguration

/// The chores beside the jobs: the hook, lone halves, and retention.
final class Housekeeping {
    private let context: DaemonContext
    private let hook: CompletionHook
    private let loneHalves: LoneHalves
    private var retention = Retention()
    private var hasToldOfJump = false
    /// Seconds that the hook gets to end by itself, after those that the runs have taken.
    private static let stopSeconds = 0.2

    init(_ context: DaemonContext, _ hook: CompletionHook, _ loneHalves: LoneHalves) {
        self.context = context
        self.hook = hook
        self.loneHalves = loneHalves
    }

    /// Does what is due.
    ///
    /// - Parameter hasNews: whether something may have changed since the last turn.
    func run(hasNews: Bool) {
        let now = ServiceClock.now
        loneHalves.update(hasNews: hasNews)
        for event in hook.run(context.configuration.hook, now) { report(event) }
        if retention.isDue(now) {
            reportClockJump()
            for path in retention.expire(context.configuration, context.files, now) {
                context.log.write(.info, "removed: kept for as long as `retention` says", ["path": path])
            }
        }
    }

    /// Reports a jump of the system's clock. Ages grow by the time that passes, so a clock that is set ahead removes nothing.
    private func reportClockJump() {
        let isFar = abs(ServiceClock.jump) > 3600
        if isFar && !hasToldOfJump {
            context.log.write(
                .warning,
                "the system's clock was set by \(Int(ServiceClock.jump)) seconds; retention counts the time that has passed since the start"
            )
        }
        hasToldOfJump = isFar
    }

    private func report(_ event: CompletionHook.Event) {
        switch event {
        case .failed(let id, let reason):
            context.metrics.countHookFailure()
            context.log.write(.warning, "the hook failed: \(reason); trying again", fields(id))
        case .gaveUp(let id, let reason):
            context.metrics.countHookFailure()
            context.log.write(
                .error, "the hook failed: \(reason); giving up",
                fields(id).merging(["code": "hook.failed"]) { $1 })
        case .said(let id, let lines, let leftOut):
            for line in lines { context.log.write(.info, "the hook says: \(line)", fields(id)) }
            if leftOut > 0 {
                context.log.write(.notice, "the hook printed \(leftOut) bytes more", fields(id))
            }
        }
    }

    private func fields(_ job: String) -> [String: String] {
        ["job": job, "file": context.configuration.hook ?? ""]
    }

    /// Whether the hook has received every event.
    var isIdle: Bool { context.configuration.hook == nil || hook.isIdle }

    /// Asks the hook to end.
    func askToEnd() { hook.askToEnd() }

    /// Stops the hook.
    func stop() { hook.stop(within: Self.stopSeconds) }

    /// When something is due next, seconds since 1970.
    func nextTime(_ now: Double) -> Double {
        let configuration = context.configuration
        var next = min(loneHalves.nextTime, configuration.hook == nil ? .infinity : hook.nextTime(now))
        let kept = configuration.retention
        if [kept.archive, kept.failed, kept.outbox].contains(where: { $0 != nil }) {
            next = min(next, retention.next)
        }
        return next
    }
}
