import Foundation
import JobFiles
import Logging
import ServiceConfiguration

/// The chores beside the jobs: the hook, the gallery, orphans, and retention.
final class Housekeeping {
    private let context: DaemonContext
    private let hook: CompletionHook
    private let gallery: GalleryUpdates
    private let orphans: Orphans
    private var retention = Retention()
    private var time: TrustedTime
    private var lines = LineBudget()
    /// Seconds that the hook gets to end by itself, after those that the runs have taken.
    private static let stopSeconds = 0.2

    init(_ context: DaemonContext, _ hook: CompletionHook, _ gallery: GalleryUpdates, _ orphans: Orphans) {
        self.context = context
        self.hook = hook
        self.gallery = gallery
        self.orphans = orphans
        time = TrustedTime(stateFolder: context.setup.stateFolder, context.files) ?? TrustedTime(.now)
    }

    /// Does what is due.
    ///
    /// - Parameter hasNews: whether something may have changed since the last turn.
    func run(hasNews: Bool) {
        let now = ServiceClock.now
        orphans.update(hasNews: hasNews)
        for event in hook.run(context.configuration.hook, now) { report(event) }
        if let event = gallery.run(galleryPlaces, now) { report(event) }
        if retention.isDue(now) {
            advanceTime()
            let removed = retention.expire(context.configuration, context.files, now, time)
            let (shown, untold) = lines.take(removed, now)
            for path in shown {
                context.log.write(.info, "removed: kept for as long as `retention` says", ["path": path])
            }
            if untold > 0 { context.log.write(.info, "removed \(untold) more, as `retention` says") }
        }
    }

    /// Advances the time of retention, and stores it.
    private func advanceTime() {
        let jump = time.advance(to: .now)
        time.save(stateFolder: context.setup.stateFolder, context.files)
        guard let jump, abs(jump) > 3600 else { return }
        context.log.write(
            .warning,
            "the system's clock was set by \(Int(jump)) seconds; retention counts the time that has really passed"
        )
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

    private var galleryPlaces: (folder: String, outbox: String)? {
        let configuration = context.configuration
        return configuration.gallery.flatMap { folder in configuration.outbox.map { (folder, $0) } }
    }

    private func report(_ event: GalleryUpdates.Event) {
        let next = event.isLast ? "trying again after the next job" : "trying again"
        context.log.write(
            .warning, "the gallery was not renewed: \(event.reason); \(next)",
            ["file": context.configuration.gallery ?? ""])
    }

    private func fields(_ job: String) -> [String: String] {
        ["job": job, "file": context.configuration.hook ?? ""]
    }

    /// Whether the hook has received every event, and the gallery shows every job that it can show.
    var isIdle: Bool {
        (context.configuration.hook == nil || hook.isIdle) && (galleryPlaces == nil || gallery.isIdle)
    }

    /// Asks the hook to end.
    func askToEnd() { hook.askToEnd() }

    /// Stops the hook and the gallery's program, and keeps the time.
    func stop() {
        advanceTime()
        hook.stop(within: Self.stopSeconds)
        gallery.stop()
    }

    /// When something is due next, seconds since 1970.
    func nextTime(_ now: Double) -> Double {
        let configuration = context.configuration
        var next = min(orphans.nextTime, configuration.hook == nil ? .infinity : hook.nextTime(now))
        if galleryPlaces != nil { next = min(next, gallery.nextTime) }
        let kept = configuration.retention
        if [kept.archive, kept.failed, kept.outbox].contains(where: { $0 != nil }) {
            next = min(next, retention.next)
        }
        return next
    }
}
