internal import CLinux
import Foundation
import JobFiles
import Logging
import SpecParser

#if canImport(Glibc)
    import Glibc
#endif

/// The service: one thread, one loop. It sleeps in poll(2) until a folder, a worker, a signal or a deadline wants it.
///
/// Nothing is known in memory alone: a kill at any point is followed by the same result.
public final class Daemon {
    let setup: DaemonSetup
    let files = PosixFileSystem()
    let log: Logger
    var configuration: Configuration
    var store: ClaimStore<PosixFileSystem>
    var cache: ContentCache
    var inboxes: [WatchedInbox] = []
    var queue: [Job] = []
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
    /// Until when nothing new is started, because a place (a full disk, say) does not work.
    var pausedUntil: Double?
    private var retryAt: [String: Double] = [:]

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
    public func run() throws(JobFailure) -> JobFailure.Exit {
        do { try begin() } catch let error as FileError {
            throw JobFailure(error, exit: .cannotCreate)
        } catch let failure as JobFailure { throw failure } catch {
            throw JobFailure(
                code: "internal", message: "\(error)", hint: "Please report this.", exit: .internalError)
        }
        // What was dropped meanwhile is claimed before anyone is told that the service is up.
        notifier.stillBusy()
        lookIntoInboxes()
        writeStatus()
        notifier.ready()
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
            }
            sleep()
        }
        return failures > 0 || !loneHalves.isEmpty ? .tryLater : .ok
    }

    /// Files that wait for their other half; those of jobs that are under way do not.
    var loneHalves: [Records.LoneHalf] {
        let active = queue + workers.map(\.job)
        let keeps = configuration.inputs == .keep  // pictures stay when they are done with
        return inboxes.flatMap { inbox -> [Records.LoneHalf] in
            let used = Set(
                active.filter { $0.inbox == inbox.path }.flatMap { [$0.image].compactMap { $0 } + $0.others })
            return inbox.findings.waiting.filter {
                !used.contains($0.key) && !(keeps && InboxNames.isPicture($0.key))
            }.sorted { $0.key < $1.key }
                .map { Records.LoneHalf(inbox: inbox.path, file: $0.key, since: $0.value) }
        }
    }

    // MARK: - Beginning

    private func begin() throws {
        guard let outbox = configuration.outbox, !configuration.inboxes.isEmpty else {
            throw JobFailure(
                code: "config.incomplete",
                message: "there is no \(configuration.outbox == nil ? "outbox" : "inbox")",
                hint: "Give --inbox DIR and --outbox DIR, or a configuration with both.",
                exit: .badConfiguration)
        }
        for inbox in configuration.inboxes where pathsOverlap(inbox.path, outbox) {
            throw JobFailure(
                code: "config.overlap",
                message: "the outbox \(outbox) and the inbox \(inbox.path) lie in one another",
                hint: "Choose an outbox outside every inbox.", exit: .badConfiguration)
        }
        if let why = Sandbox.whyUnavailable {
            log.notice("workers are not locked in: no Landlock on this kernel (\(why))")
        }
        try files.createDirectory("\(outbox)/.clipdragd")
        try files.createDirectory("\(setup.stateFolder)/history")
        try files.createDirectory("\(setup.stateFolder)/control")
        for folder in [setup.stateFolder, "\(setup.stateFolder)/history", "\(setup.stateFolder)/control"] {
            try files.removeTemporaries(folder)
        }
        controlWatcher = try? Watcher("\(setup.stateFolder)/control", .inotify)
        for inbox in configuration.inboxes {
            try files.createDirectory("\(inbox.path)/.clipdragd")
            let watched = try WatchedInbox(
                inbox, quiet: configuration.limits.quiet, isComplete: setup.isComplete)
            inboxes.append(watched)
            try takeUpLeftovers(watched)
        }
        try store.removeResults(besides: queue)
    }

    // MARK: - Inboxes

    private func lookIntoInboxes() {
        let now = Date().timeIntervalSince1970
        for inbox in inboxes where inbox.isDue(now) {
            do {
                if inbox.hasStrays { try takeUpLeftovers(inbox) }
                try inbox.scan(files, now)
                counters.scans += 1
                let pairs = inbox.findings.pairs
                for pair in pairs {
                    try claim(pair)
                    inbox.claimed(pair)
                }
                // What the inbox needs now: a worker may end before the next look, and its picture be archived.
                if !pairs.isEmpty { try inbox.scan(files, now) }
            } catch {
                inbox.hasStrays = true
                inbox.fail(error, now)
                pause(error.description, now)
            }
        }
    }

    private func claim(_ pair: Pair) throws(FileError) {
        guard let job = try store.claim(pair, id: JobID.next()) else { return }
        queue.append(job)
        notifier.stillBusy()
        log.info("claimed", metadata: ["job": "\(job.id)", "name": "\(job.name)"])
    }

    /// Pictures that must stay in an inbox because a waiting spec names them.
    private func stillNeeded(_ inbox: String, besides job: Job) -> Set<String> {
        var names = inboxes.first { $0.path == inbox }?.findings.needed ?? []
        for other in queue + workers.map(\.job)
        where other.inbox == inbox && other.id != job.id && other.state != .publishing {
            names.formUnion(([other.image].compactMap { $0 }) + other.others)
        }
        return names
    }

    // MARK: - Workers

    private func startWorkers() {
        let now = Date().timeIntervalSince1970
        if let until = pausedUntil {
            if now < until { return }
            pausedUntil = nil
        }
        guard !control.isPaused && !control.isDraining else { return }
        while workers.count < configuration.workers {
            let ready = queue.filter { $0.state == .claimed && (retryAt[$0.id] ?? 0) <= now }
            guard var job = ready.min(by: Job.comesBefore) else { return }
            queue.removeAll { $0.id == job.id }
            do {
                keepStages(of: job)
                try store.makeReady(&job)
                let worker = try WorkerProcess(
                    setup.workerCommand + arguments(job, store.making(job)), job: job,
                    memory: configuration.limits.memory)
                workers.append(worker)
                log.info(
                    "started", metadata: ["job": "\(job.id)", "name": "\(job.name)", "pid": "\(worker.pid)"])
            } catch {
                job.state = .claimed
                requeue(job)
                pause(error.description, now)
                return
            }
        }
    }

    private func arguments(_ job: Job, _ making: String) -> [String] {
        var words = [
            "--spec", "\(job.claim)/\(job.spec)", "--out", making, "--id", job.id, "--name", job.name,
        ]
        words += ["--attempt", String(job.crashes + 1), "--state", setup.stateFolder]
        if let image = job.image, !image.contains("/") { words += ["--image", "\(job.claim)/\(image)"] }
        if let earlier = records.published(digest: job.digest) { words += ["--duplicate-of", earlier] }
        return words
    }

    private func tendWorkers() {
        for worker in workers { worker.listen() }
        for worker in workers { worker.enforce(configuration.limits) }
        while true {
            var status: Int32 = 0
            let pid = waitpid(-1, &status, WNOHANG)
            guard pid > 0 else { return }
            guard let index = workers.firstIndex(where: { $0.pid == pid }) else {
                hookEnded(pid, status)
                continue
            }
            let worker = workers.remove(at: index)
            counters.ended(worker)
            conclude(worker, worker.end(status))
        }
    }

    private func conclude(_ worker: WorkerProcess, _ end: WorkerProcess.End) {
        var job = worker.job
        let now = Date().timeIntervalSince1970
        keepStages(of: job)
        switch end {
        case .succeeded: complete(job)
        case .failed(let failure)
        where failure.retryable || [.cannotCreate, .ioError, .tryLater].contains(failure.exit):
            // The place is at fault, not the job: no attempt is charged.
            job.state = .claimed
            queue.append(job)
            pause(failure.message, now)
        case .failed(let failure): setAside(job, failure)
        case .overran(.stalled): retry(job, Overrun.stalled.failure, now)
        case .overran(let bound):
            job.crashes += 1
            setAside(job, bound.failure)
        case .crashed(let reason):
            let failure = JobFailure(
                code: "worker.crashed", message: reason,
                hint: "See the journal; drop the spec again to retry.", exit: .internalError)
            retry(job, failure, now)
        }
    }

    /// Charges a try for a worker that died, and tries again a little later or no more. Neighbours go on.
    private func retry(_ job: Job, _ failure: JobFailure, _ now: Double) {
        var job = job
        job.crashes += 1
        job.state = .claimed
        guard job.crashes < configuration.limits.attempts else { return setAside(job, failure) }
        counters.retries += 1
        retryAt[job.id] = now + min(60, pow(2, Double(job.crashes)) / 2)
        try? store.save(job)
        queue.append(job)
        log.warning(
            "\(failure.message); trying again",
            metadata: [
                "job": "\(job.id)", "name": "\(job.name)", "code": "\(failure.code)",
                "crashes": "\(job.crashes)",
            ])
    }

    /// Publishes a finished job and puts its inputs away. What fails is tried again: the job's record says how far it is.
    func complete(_ job: Job) {
        var job = job
        do {
            let needed = stillNeeded(job.inbox, besides: job)
            let isKnown = try records.knows(job.id, files)
            try store.complete(&job, isKnown: isKnown, stillNeeded: needed) {
                (job, folder, isNew) throws(FileError) in
                try concluded(job, .published(folder))
                if isNew { log.info("published", metadata: ["job": "\(job.id)", "name": "\(folder)"]) }
            }
        } catch {
            queue.append(job)
            pause(error.description, Date().timeIntervalSince1970)
        }
    }

    func setAside(_ job: Job, _ failure: JobFailure) {
        do {
            var named = failure
            named.file = failure.file.map(lastComponent)
            // Crashes are counted as they happen; any other failure ends one more try.
            let attempts = failure.code.hasPrefix("worker.") ? job.crashes : job.crashes + 1
            let needed = stillNeeded(job.inbox, besides: job)
            try store.fail(job, named, attempts: attempts, stillNeeded: needed) {
                (folder) throws(FileError) in
                try concluded(job, .failed(failure.code, folder))
            }
            failures += 1
            log.error(
                "failed: \(failure.message)",
                metadata: ["job": "\(job.id)", "name": "\(job.name)", "code": "\(failure.code)"])
        } catch {
            var job = job
            if job.state == .running { job.state = .claimed }
            requeue(job)
            pause(error.description, Date().timeIntervalSince1970)
        }
    }

    private func pause(_ reason: String, _ now: Double) {
        if pausedUntil == nil { log.warning("waiting: \(reason)") }
        pausedUntil = now + 5
        notifier.status("waiting: \(reason)")
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
        do {
            var fresh = try reload()
            // Folders are taken at the start only: a daemon that changed them underway would leave claims behind.
            (fresh.inboxes, fresh.outbox) = (configuration.inboxes, configuration.outbox)
            configuration = fresh
            counters.reloadSucceeded = true
            store = ClaimStore(files: files, configuration: fresh)
            cache = Self.cache(fresh, setup)
            log.info("configuration read again")
        } catch {
            counters.reloadSucceeded = false
            log.error(
                "the configuration stays as it was: \(error.message)", metadata: ["code": "\(error.code)"])
        }
        notifier.ready()
    }

    // MARK: - Waiting and ending

    private var isIdle: Bool {
        let isScanned = inboxes.allSatisfy {
            $0.hasScanned && $0.findings.settling.isEmpty && $0.findings.pairs.isEmpty
        }
        return queue.isEmpty && workers.isEmpty && isScanned && hook.isIdle
    }

    /// Whether all that should end does: a worker that outlives its SIGKILL hangs in the kernel, and only a restart of
    /// the service, which the watchdog brings about, tells the administrator.
    private var isMoving: Bool {
        workers.allSatisfy { worker in worker.killed.map { ContinuousClock.now - $0 < .seconds(10) } ?? true }
    }

    private func sleep() {
        let now = Date().timeIntervalSince1970
        var deadline = now + 60
        for inbox in inboxes { deadline = min(deadline, inbox.nextLook) }
        if let pausedUntil { deadline = min(deadline, pausedUntil) }
        for time in retryAt.values where time > now { deadline = min(deadline, time) }
        if let watchdog = notifier.watchdog {
            if isMoving { notifier.progressed() }
            deadline = min(deadline, now + watchdog)
        }
        if !workers.isEmpty { deadline = min(deadline, now + (configuration.limits.memory == nil ? 1 : 0.5)) }
        deadline = min(deadline, nextHousekeeping(now))
        // One that waits as `running` has ended well, but could not be made ready for publishing.
        if queue.contains(where: { $0.state == .publishing || $0.state == .running }) {
            deadline = min(deadline, now + 1)
        }
        for job in queue where job.state == .publishing || job.state == .running {
            queue.removeAll { $0.id == job.id }
            complete(job)
        }
        var descriptors = [pollfd(fd: signals, events: Int16(POLLIN), revents: 0)]
        descriptors += inboxes.compactMap { $0.watcher?.descriptor }.map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        descriptors += workers.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
        if let descriptor = controlWatcher?.descriptor {
            descriptors.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
        }
        let wait = Int(max(0, min(60, deadline - now)) * 1000) + 1
        poll(&descriptors, nfds_t(descriptors.count), Int32(wait))
    }
}
