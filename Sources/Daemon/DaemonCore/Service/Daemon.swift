import DurableFiles
import Failures
import Foundation
import JobFiles
import Logging
import ServiceConfiguration
import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// The service: one thread, one loop over parts that each own their state. It sleeps in poll(2) until a folder, a run, a
/// signal or a deadline wakes it.
///
/// Files hold all that a job needs: after a kill at any point the next start comes to the same result.
public final class Daemon {
    private enum Stop { case no, gracefully, atOnce }

    /// Seconds that runs get to end when the daemon stops, and seconds that it then takes at most to return jobs to their
    /// inboxes: together below two.
    private static let (stopSeconds, returnSeconds) = (0.7, 0.8)

    let context: DaemonContext
    let scheduler = Scheduler()
    let runs: Runs
    private let inboxes: Inboxes
    let lifecycle: JobLifecycle
    private let dispatcher: Dispatcher
    private let intake: JobIntake
    private let operations: Operations
    private let orphans: Orphans
    private let housekeeping: Housekeeping
    private let status: StatusReport
    private let notifier: ServiceNotifier
    private let signals: any SignalSource
    private var stop = Stop.no
    private var stateLock: FolderLock?
    /// Whether a descriptor has woken the loop, or a scan was made outside a turn.
    private var isWoken = true
    /// When the loop had to turn if nothing woke it, seconds since 1970.
    private var due = 0.0
    /// Whether something may have changed since the last turn; if not, the loop turns for a delayed chore. The clock counts and not what the
    /// loop woke for: a turn for a chore that begins late also does what has come due meanwhile.
    private var hasNews: Bool { isWoken || ServiceClock.now >= due }

    /// A daemon; it takes over signal handling of the process.
    public convenience init(_ setup: DaemonSetup, log: Logger) {
        self.init(
            setup, log: log, executors: ExecutorRegistry.makers.map { $0(setup) }, signals: ProcessSignals())
    }

    /// A daemon whose runs are on these executors; new runs start on the first.
    init(_ setup: DaemonSetup, log: Logger, executors: [any Executor], signals: any SignalSource) {
        context = DaemonContext(setup, log: EventLog(logger: log))
        self.signals = signals
        notifier = ServiceNotifier(environment: ProcessInfo.processInfo.environment)
        runs = Runs(executors)
        inboxes = Inboxes(context)
        let history = JobHistory(stateFolder: setup.stateFolder, context.files)
        let hook = CompletionHook(stateFolder: setup.stateFolder, context.files)
        let gallery = GalleryUpdates(
            stateFolder: setup.stateFolder, command: setup.galleryCommand, context.files)
        lifecycle = JobLifecycle(context, scheduler, inboxes, history, hook, gallery)
        dispatcher = Dispatcher(context, scheduler, runs, history, lifecycle)
        intake = JobIntake(context, inboxes, scheduler, runs, dispatcher, lifecycle)
        operations = Operations(context, inboxes, scheduler, runs, history, lifecycle)
        orphans = Orphans(context, inboxes, scheduler)
        housekeeping = Housekeeping(context, hook, gallery, orphans)
        status = StatusReport(context, inboxes, scheduler, runs, lifecycle, orphans, notifier)
    }

    /// Runs until stopped or, with `once`, until everything is done.
    ///
    /// - Returns: the exit code.
    /// - Throws: when it cannot start: a folder is missing or another daemon has locked it.
    public func run() throws(Failure) -> ExitStatus {
        try begin()
        return try loop()
    }

    /// Turns until the daemon is stopped or, with `once`, until everything is done.
    func loop() throws(Failure) -> ExitStatus {
        while true {
            if turn() { return finish() }
            if context.setup.once && isIdle {
                // Files may have come while jobs ran: scan once more.
                inboxes.lookNow()
                look()
                if isIdle { break }
                isWoken = true  // no event announces what that scan has found
                continue
            }
            try sleep()
        }
        status.update(order: operations.order, hasNews: true, atOnce: true)
        let left = unfinished
        for reason in left { context.log.write(.warning, "not all is done: \(reason)") }
        return left.isEmpty ? .ok : .tryLater
    }

    /// Why a daemon that ends after its work leaves some undone; the first reasons.
    private var unfinished: [String] {
        let shown = 10
        var reasons: [String] = []
        if lifecycle.failures > 0 {
            reasons.append(
                lifecycle.failures == 1 ? "a job failed" : "\(lifecycle.failures) jobs failed")
        }
        reasons += inboxes.all.filter { !$0.isAttached }.map { inbox in
            let why = inbox.absence.flatMap { $0 == .noSuchFileOrDirectory ? nil : "\($0)" }
            return "the inbox \(inbox.path) \(why.map { "cannot be used: \($0)" } ?? "is not there")"
        }
        let present = orphans.present
        reasons += present.prefix(shown).map { orphan in
            let path = "\(orphan.inbox)/\(orphan.file)"
            return orphan.obstacle.map { "\(path): \($0)" }
                ?? "\(path) has no \(InboxNames.isSpec(orphan.file) ? "picture" : "spec")"
                + orphans.reason(of: orphan, separator: ": ")
        }
        if present.count > shown { reasons.append("\(present.count - shown) more orphans") }
        return reasons
    }

    /// One turn of the loop.
    ///
    /// - Returns: whether the daemon is asked to stop.
    func turn() -> Bool {
        takeSignals()
        if stop != .no { return true }
        dispatcher.concludeEnded()
        ChildProcesses.collectOrphans()
        operations.carryOutRequests()
        look()
        // Also while no job may start: the time of a pause that is over must not wake the loop.
        scheduler.resumeStarts(ServiceClock.now)
        lifecycle.lookAtFailedPlaces()
        if operations.order == nil { dispatcher.startRuns() }
        housekeeping.run(hasNews: hasNews)
        status.update(order: operations.order, hasNews: hasNews)
        return false
    }

    private func look(all: Bool = false) {
        intake.look(all: all) {
            notifier.extendTimeout()
            takeSignals()
            return stop == .no
        }
    }

    // MARK: - Beginning

    /// Opens all folders, takes up the jobs that an earlier daemon left, and claims the ready pairs.
    func begin() throws(Failure) {
        do { try openFolders() } catch let error as FileError {
            throw Failure(error, .badOutput)
        } catch let failure as Failure { throw failure } catch { throw Failure(unexpected: error) }
        // The daemon claims the pairs that wait before it reports that it is ready.
        notifier.extendTimeout()
        look(all: true)
        operations.carryOutRequests()
        status.update(order: operations.order, hasNews: true)
        notifier.ready()
        let paths = inboxes.all.filter(\.isAttached).map(\.path).joined(separator: ", ")
        context.log.event(.ready, "watching \(paths.isEmpty ? "no inbox yet" : paths)")
    }

    private func openFolders() throws {
        let (configuration, state) = (context.configuration, StateLayout(context.setup.stateFolder))
        guard let outbox = configuration.outbox, !configuration.inboxes.isEmpty else {
            throw Failure(
                .badConfiguration, code: "config.incomplete",
                message: "there is no \(configuration.outbox == nil ? "outbox" : "inbox")",
                hint: "Give --inbox DIR and --outbox DIR, or a configuration with both.")
        }
        if let clash = configuration.folderClash { throw clash }
        for note in runs.startNotes() { context.log.write(.notice, note) }
        warnOfPrograms(configuration)
        let files = context.files
        try files.createDirectory(OutboxLayout(outbox).unpublished)
        try files.createDirectory(state.history)
        try operations.open()
        try inboxes.open()
        stateLock = try lockState(state.path)
        // From here on no other daemon uses these folders.
        for folder in [state.path, state.history, state.control] { try files.removeTemporaries(folder) }
        runs.apply(configuration.runLimits)
        let marks = intake.takeAllLeftovers()
        let known = scheduler.queue.all + runs.all.map(\.job)
        try context.store.removeUnpublished(of: marks, besides: known)
    }

    /// Names the hook and the captioners that cannot be run: their jobs would show it late, or not at all.
    private func warnOfPrograms(_ configuration: Configuration) {
        for (what, why) in ConfiguredPrograms.faults(configuration) {
            context.log.write(.warning, "the \(what) cannot be used: \(why)")
        }
    }

    /// Two daemons on one state folder would carry out each other's requests and overwrite each other's status.
    private func lockState(_ folder: String) throws -> FolderLock {
        do { return try FolderLock(folder) } catch {
            guard error.errno == .wouldBlock else { throw error }
            throw Failure(
                .tryLater, code: "state.locked", message: "another clipdragd uses this state folder",
                file: folder, hint: "Give this one a state folder of its own (--state).")
        }
    }

    // MARK: - Signals

    private func takeSignals() {
        while let signal = signals.next() {
            switch signal {
            case SIGTERM, SIGINT: stop = stop == .no ? .gracefully : .atOnce
            case SIGHUP: reload()
            default: continue
            }
        }
    }

    private func reload() {
        guard let reload = context.setup.reload else { return }
        notifier.reloading()
        do throws(Failure) {
            let current = context.configuration
            var fresh = try reload()
            // A running daemon keeps its folders: with other folders it would leave claims behind.
            let isMoved = fresh.inboxes != current.inboxes || fresh.outbox != current.outbox
            (fresh.inboxes, fresh.outbox) = (current.inboxes, current.outbox)
            if let clash = fresh.folderClash { throw clash }
            if isMoved {
                context.log.write(
                    .notice, "the new inboxes and outbox take effect at the next start")
            }
            context.apply(fresh)
            warnOfPrograms(fresh)
            inboxes.applyConfiguration()
            scheduler.endPostponements()
            context.metrics.noteReload(succeeded: true)
            context.log.event(.reloaded, "configuration reloaded")
        } catch {
            context.metrics.noteReload(succeeded: false)
            context.log.event(
                .refused, "reload refused, the old configuration stays: \(error.message)", level: .error,
                ["code": error.code])
        }
        notifier.ready()
    }

    // MARK: - Waiting and ending

    private var isIdle: Bool {
        scheduler.queue.isEmpty && runs.isEmpty && inboxes.isIdle && housekeeping.isIdle
    }

    /// When the loop must turn next if no descriptor wakes it, seconds since 1970.
    private func nextTime(_ now: Double) -> Double {
        var times = [
            now + 60, inboxes.nextLook, scheduler.nextTime(now), housekeeping.nextTime(now),
        ]
        if let watchdog = notifier.watchdog { times.append(now + watchdog) }
        if operations.descriptor < 0 { times.append(now + WatchedInbox.pollSeconds) }
        if let interval = runs.pollInterval { times.append(now + interval) }
        return times.min() ?? now
    }

    private func sleep() throws(Failure) {
        let now = ServiceClock.now
        // A run that outlives its kill hangs in the kernel. Without signs of life the watchdog restarts the service, and the
        // administrator learns of it.
        if !runs.isStuck { notifier.giveSignOfLife() }
        var next = nextTime(now)
        if lifecycle.publishAgain() { next = min(next, now + 1) }
        let chores = [status.pace.owed, orphans.pace.owed].compactMap { $0 }
            .map { now + ($0 - ContinuousClock.now) / .seconds(1) }
        let choreTime = chores.min() ?? .infinity
        var descriptors =
            ([signals.descriptor] + inboxes.descriptors + runs.descriptors + [operations.descriptor]).map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
        descriptors.append(pollfd(fd: inboxes.mountDescriptor, events: Int16(POLLPRI), revents: 0))
        let wait = Int(max(0, min(60, min(next, choreTime) - now)) * 1000) + 1
        let ready = poll(&descriptors, nfds_t(descriptors.count), Int32(wait))
        let number = errno
        if ready < 0 && number != EINTR || descriptors.contains(where: { $0.revents & Int16(POLLNVAL) != 0 })
        {
            // Otherwise the loop would spin and still give signs of life.
            notifier.reportBroken()
            throw Failure(
                .internalError, code: "internal",
                message: "poll failed: \(String(cString: strerror(ready < 0 ? number : EBADF)))",
                hint: "Please report this.")
        }
        isWoken = ready != 0 || choreTime >= next
        due = next
        if descriptors.last?.revents != 0 { inboxes.mountsChanged() }
    }

    /// Ends: stops the runs that do not outlive the daemon, and returns their jobs and the waiting ones to the inboxes.
    private func finish() -> ExitStatus {
        notifier.stopping()
        housekeeping.askToEnd()
        let ended = runs.stopAll(within: Self.stopSeconds) {
            takeSignals()
            return stop == .atOnce
        }
        var stopped: [Job] = []
        for run in ended {
            lifecycle.cacheStages(of: run.job)
            if run.end == .succeeded {
                lifecycle.publishIfUndamaged(run.job, run.summary)
            } else {
                stopped.append(run.job)
            }
        }
        // First the jobs that ran. A job for which there is no time stays claimed, and the next start takes it up.
        let end = ContinuousClock.now + .seconds(Self.returnSeconds)
        for job in stopped + scheduler.queue.all
        where ContinuousClock.now < end && job.state != .publishing && job.state != .held && job.crashes == 0
        {
            notifier.extendTimeout()
            do {
                try context.store.returnToInbox(job)
                context.log.event(.returned, "returned to the inbox", job)
            } catch {
                context.log.write(
                    .warning, "the claim stays for the next start: \(error)", ["job": job.id])
            }
        }
        scheduler.forgetAll()
        housekeeping.stop()
        status.update(order: operations.order, hasNews: true, atOnce: true)
        context.log.event(.stopped, "stopped")
        return .ok
    }
}
