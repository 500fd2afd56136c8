import DurableFiles
import Failures
import Foundation
import JobFiles
import Logging
import SpecParser
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// The service: one thread, one loop. It sleeps in poll(2) until a folder, a worker, a signal or a deadline wants it.
///
/// Nothing is known in memory alone: a kill at any point is followed by the same result.
public final class Daemon {
    let setup: DaemonSetup
    let files = PosixFileSystem(followingLinks: false)
    let log: Logger
    var configuration: Configuration
    var store: ClaimStore<PosixFileSystem>
    var cache: ContentCache
    var inboxes: [WatchedInbox] = []
    var queue = JobQueue()
    /// Which files of inboxes are needed by jobs in the queue and with workers.
    var uses = InputUses()
    var workers: [WorkerProcess] = []
    let records: Records
    var notifier: ServiceNotifier
    private let signals: Int32
    var control: ControlFiles
    var controlWatcher: Watcher?
    var stop: Stop = .no
    var failures = 0
    var hook: CompletionHook
    var orphans = OrphanTimer()
    var counters = Metrics()
    var housekeeping = Housekeeping()
    var statusPace = ChorePace()
    var orphanPace = ChorePace()
    /// The loop turns for nothing but a chore that was put off.
    var isChoreTurn = false
    private let mounts = MountWatcher()
    private var stateLock: FolderLock?
    /// Until when nothing new is started, because a place (a full disk, say) does not work.
    var pausedUntil: Double?
    var pauseReason = ""
    var retryAt: [String: Double] = [:]
    /// How long a job's worker took, while what became of it is told.
    var runMicroseconds: [String: Int] = [:]
    /// How long a job's files settled and when it was claimed, of those that this daemon has claimed.
    var claims: [String: (settled: Double, at: ContinuousClock.Instant)] = [:]

    enum Stop { case no, gracefully, atOnce }

    /// A daemon; it takes over signal handling of the process.
    public init(_ setup: DaemonSetup, log: Logger) {
        self.setup = setup
        self.log = log
        configuration = setup.configuration
        store = ClaimStore(files: files, configuration: setup.configuration)
        cache = Self.cache(setup.configuration, setup)
        records = Records(stateFolder: setup.stateFolder, files)
        notifier = ServiceNotifier(environment: ProcessInfo.processInfo.environment)
        control = ControlFiles(stateFolder: setup.stateFolder)
        hook = CompletionHook(stateFolder: setup.stateFolder)
        signals = cl_signal_descriptor()
        setenv(Worker.daemonVariable, String(getpid()), 1)
    }

    /// Runs until stopped or, with `once`, until everything is done.
    ///
    /// - Returns: the exit code.
    /// - Throws: when it cannot begin: a folder is missing or another daemon has it.
    public func run() throws(Failure) -> ExitStatus {
        do { try begin() } catch let error as FileError {
            throw Failure(error, .badOutput)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(unexpected: error)
        }
        // What was dropped meanwhile is claimed before anyone is told that the service is up.
        notifier.stillBusy()
        lookIntoInboxes(all: true)
        obeyControl()
        writeStatus()
        notifier.ready()
        tell(.ready, "looking into \(inboxes.map(\.path).joined(separator: ", "))")
        while true {
            takeSignals()
            if stop != .no { return finish() }
            tendWorkers()
            obeyControl()
            lookIntoInboxes()
            startWorkers()
            keepHouse()
            writeStatus()
            if setup.once && isIdle {
                // What was found while jobs ran may be out of date: look once more.
                for inbox in inboxes { inbox.lookNow() }
                lookIntoInboxes()
                if isIdle { break }
                continue  // no event will tell of what that look has found
            }
            try sleep()
        }
        writeStatus(atOnce: true)
        let isAllDone = failures == 0 && loneHalves.isEmpty && inboxes.allSatisfy(\.isAttached)
        return isAllDone ? .ok : .tryLater
    }

    // MARK: - Beginning

    private func begin() throws {
        guard let outbox = configuration.outbox, !configuration.inboxes.isEmpty else {
            throw Failure(
                .badConfiguration, code: "config.incomplete",
                message: "there is no \(configuration.outbox == nil ? "outbox" : "inbox")",
                hint: "Give --inbox DIR and --outbox DIR, or a configuration with both.")
        }
        if let clash = configuration.folderClash { throw clash }
        if let why = Sandbox.whyUnavailable {
            log.notice("workers are not locked in: no Landlock on this kernel (\(why))")
        }
        try files.createDirectory("\(outbox)/.clipdragd")
        try files.createDirectory("\(setup.stateFolder)/history")
        try files.createDirectory("\(setup.stateFolder)/control")
        controlWatcher = try? Watcher("\(setup.stateFolder)/control", .auto)
        for inbox in configuration.inboxes {
            let watched = WatchedInbox(inbox, quiet: configuration.limits.quiet, isComplete: setup.isComplete)
            inboxes.append(watched)
            try takeHold(of: watched)
        }
        // Two daemons on one would take each other's requests and write over each other's status.
        do { stateLock = try FolderLock(setup.stateFolder) } catch {
            guard error.number == EWOULDBLOCK else { throw error }
            throw Failure(
                .tryLater, code: "state.locked", message: "another clipdragd keeps its state here",
                file: setup.stateFolder, hint: "Give this one a state folder of its own (--state).")
        }
        // Everything is this daemon's from here on.
        for folder in [setup.stateFolder, "\(setup.stateFolder)/history", "\(setup.stateFolder)/control"] {
            try files.removeTemporaries(folder)
        }
        for inbox in inboxes { try takeUpLeftovers(inbox) }
        try store.removeResults(of: Set(inboxes.compactMap(\.mark)), besides: queue.all)
    }

    // MARK: - Signals

    func takeSignals() {
        while true {
            switch cl_next_signal(signals) {
            case 0: return
            case SIGTERM, SIGINT: stop = stop == .no ? .gracefully : .atOnce
            case SIGHUP: reload()
            default: continue
            }
        }
    }

    private func reload() {
        guard let reload = setup.reload else { return }
        notifier.reloading()
        do throws(Failure) {
            var fresh = try reload()
            // Folders are taken at the start only: a daemon that changed them underway would leave claims behind.
            let isMoved = fresh.inboxes != configuration.inboxes || fresh.outbox != configuration.outbox
            (fresh.inboxes, fresh.outbox) = (configuration.inboxes, configuration.outbox)
            if let clash = fresh.folderClash { throw clash }
            if isMoved { log.notice("other inboxes and another outbox are taken at the next start only") }
            configuration = fresh
            counters.reloadSucceeded = true
            store = ClaimStore(files: files, configuration: fresh)
            cache = Self.cache(fresh, setup)
            for inbox in inboxes { inbox.quiet = fresh.limits.quiet }
            tell(.reloaded, "configuration read again")
        } catch {
            counters.reloadSucceeded = false
            tell(
                .refused, "the configuration stays as it was: \(error.message)", level: .error,
                ["code": error.code])
        }
        notifier.ready()
    }

    // MARK: - Waiting and ending

    private var isIdle: Bool {
        let isScanned = inboxes.allSatisfy {
            !$0.isAttached || $0.hasScanned && $0.findings.settling.isEmpty && $0.findings.pairs.isEmpty
        }
        let isHookDone = configuration.hook == nil || hook.isIdle
        return queue.isEmpty && workers.isEmpty && isScanned && isHookDone
    }

    /// Whether all that should end does: a worker that outlives its SIGKILL hangs in the kernel, and only a restart of
    /// the service, which the watchdog brings about, tells the administrator.
    private var isMoving: Bool {
        workers.allSatisfy { worker in worker.killed.map { ContinuousClock.now - $0 < .seconds(10) } ?? true }
    }

    /// Tries again to publish what could not be, once a turn.
    ///
    /// - Returns: whether there was anything.
    private func tryUnfinished(_ now: Double) -> Bool {
        // One that waits as `running` has ended well, but could not be made ready for publishing.
        guard queue.count(.publishing) + queue.count(.running) > 0 else { return false }
        for job in queue.all where job.state == .publishing || job.state == .running {
            queue.remove(job.id)
            if job.state == .running { succeeded(job, nil, now) } else { complete(job) }
        }
        return true
    }

    private func sleep() throws(Failure) {
        let now = Date().timeIntervalSince1970
        var deadline = now + 60
        for inbox in inboxes { deadline = min(deadline, inbox.nextLook) }
        if let pausedUntil { deadline = min(deadline, pausedUntil) }
        for time in retryAt.values where time > now { deadline = min(deadline, time) }
        if let watchdog = notifier.watchdog {
            if isMoving { notifier.progressed() }
            deadline = min(deadline, now + watchdog)
        }
        if controlWatcher?.descriptor ?? -1 < 0 { deadline = min(deadline, now + WatchedInbox.pollSeconds) }
        if !workers.isEmpty { deadline = min(deadline, now + (configuration.limits.memory == nil ? 1 : 0.5)) }
        deadline = min(deadline, nextHousekeeping(now))
        if tryUnfinished(now) { deadline = min(deadline, now + 1) }
        var descriptors = [pollfd(fd: signals, events: Int16(POLLIN), revents: 0)]
        descriptors += inboxes.compactMap(\.descriptor).map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        descriptors += workers.map {
            pollfd(fd: $0.isSilent ? -1 : $0.descriptor, events: Int16(POLLIN), revents: 0)
        }
        if let descriptor = controlWatcher?.descriptor, descriptor >= 0 {
            descriptors.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
        }
        descriptors.append(pollfd(fd: mounts.descriptor, events: Int16(POLLPRI), revents: 0))
        let chores = [statusPace.owed, orphanPace.owed].compactMap { $0 }
            .map { now + ($0 - ContinuousClock.now) / .seconds(1) }
        let choreTime = chores.min() ?? .infinity
        let wait = Int(max(0, min(60, min(deadline, choreTime) - now)) * 1000) + 1
        let ready = poll(&descriptors, nfds_t(descriptors.count), Int32(wait))
        let number = errno
        if ready < 0 && number != EINTR || descriptors.contains(where: { $0.revents & Int16(POLLNVAL) != 0 })
        {
            // Else the loop would turn without end, and give signs of life.
            notifier.brokenDown()
            throw Failure(
                .internalError, code: "internal",
                message: "poll failed: \(String(cString: strerror(ready < 0 ? number : EBADF)))",
                hint: "Please report this.")
        }
        isChoreTurn = ready == 0 && choreTime < deadline
        if descriptors.last?.revents != 0 { for inbox in inboxes { inbox.doubt() } }
    }
}
