import DurableFiles
import Failures
import Foundation
import JobFiles
import Logging
import SpecParser

#if canImport(Glibc)
    import Glibc
#endif

/// Starting workers, and what becomes of their jobs.
extension Daemon {
    private static let pauseSeconds = 5.0

    func startWorkers() {
        let now = Date().timeIntervalSince1970
        if let until = pausedUntil {
            if now < until { return }
            pausedUntil = nil
        }
        guard !control.isPaused && !control.isDraining else { return }
        while workers.count < configuration.workers {
            guard
                var job = queue.first(where: { $0.state == .claimed && (retryAt[$0.id] ?? 0) <= now })
            else { return }
            queue.remove(job.id)
            guard job.ambiguous.isEmpty else {
                setAside(job, Failure(ambiguous: job.spec, among: job.ambiguous))
                continue
            }
            do {
                keepStages(of: job)
                try store.makeReady(&job)
                let worker = try WorkerProcess(
                    setup.workerCommand + arguments(job, store.making(job)), job: job,
                    memory: configuration.limits.memory)
                workers.append(worker)
                tell(.started, "started", job, ["pid": String(worker.pid)])
            } catch {
                job.state = .claimed
                requeue(job)
                pause(error, now)
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

    func tendWorkers() {
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
        runMicroseconds[job.id] = Int((ContinuousClock.now - worker.started) / .microseconds(1))
        defer { runMicroseconds[job.id] = nil }
        keepStages(of: job)
        switch end {
        case .succeeded: succeeded(job, worker.stage, now)
        case .failed(let failure) where failure.isRetryable || failure.kind.isOfSurroundings:
            // The place is at fault, or whoever is just writing the configuration; not the job: no attempt is charged.
            job.state = .claimed
            // The pause is shorter: of several jobs another is tried next.
            retryAt[job.id] = now + 2 * Self.pauseSeconds
            queue.add(job)
            let reason = [failure.place?.file, failure.message].compactMap { $0 }.joined(separator: ": ")
            tell(
                .postponed, "put off: \(reason)", job, level: .warning,
                told(failure.code, .place, worker.stage))
            pause(reason, now)
        case .failed(let failure): setAside(job, failure, worker.stage)
        case .overran(.stalled): retry(job, Overrun.stalled.failure, worker.stage, now)
        case .overran(let bound):
            job.crashes += 1
            setAside(job, bound.failure, worker.stage)
        case .crashed(let reason):
            let failure = Failure(
                .crash, code: "worker.crashed", message: reason,
                hint: "See the journal; `clipdragd requeue \(job.id)` tries again.")
            retry(job, failure, worker.stage, now)
        }
    }

    /// Counts an error and gives the journal's fields of it.
    func told(_ code: String, _ kind: ErrorKind, _ stage: String? = nil) -> [String: String] {
        counters.erred(code, kind)
        var fields = ["code": code, "error_type": kind.rawValue]
        fields["stage"] = stage
        return fields
    }

    /// Charges a try for a worker that died, and tries again a little later or no more. Neighbours go on.
    private func retry(_ job: Job, _ failure: Failure, _ stage: String?, _ now: Double) {
        var job = job
        job.crashes += 1
        job.state = .claimed
        guard job.crashes < configuration.limits.attempts else {
            setAside(job, failure, stage)
            return
        }
        counters.retries += 1
        retryAt[job.id] = now + min(60, pow(2, Double(job.crashes)) / 2)
        try? store.save(job)
        queue.add(job)
        tell(
            .retried, "\(failure.message); trying again", job, level: .warning,
            told(failure.code, .crash, stage).merging(["crashes": String(job.crashes)]) { $1 })
    }

    /// Publishes a job whose worker has ended well, if what lies there is what the worker meant to write.
    func succeeded(_ job: Job, _ stage: String?, _ now: Double) {
        do {
            guard let damaged = try store.damagedResult(of: job) else { return complete(job) }
            let failure = Failure(
                .crash, code: "worker.damaged_result",
                message: "\(damaged) does not read back as it was written",
                hint: "Check the outbox's disk; `clipdragd requeue \(job.id)` tries again.")
            retry(job, failure, stage, now)
        } catch {
            queue.add(job)
            pause(error, now)
        }
    }

    /// Kills a worker whose job is not to go on here.
    func stopWorker(_ worker: WorkerProcess) {
        worker.signal(SIGKILL)
        var status: Int32 = 0
        waitpid(worker.pid, &status, 0)
        workers.removeAll { $0.pid == worker.pid }
    }

    /// Publishes a finished job and puts its inputs away. What fails is tried again: the job's record says how far it is.
    func complete(_ job: Job) {
        var job = job
        do {
            let needed = try stillNeeded(of: job)
            let isKnown = try records.knows(job.id, files)
            let start = ContinuousClock.now
            try store.complete(&job, isKnown: isKnown, stillNeeded: needed) {
                (job, folder, isNew) throws(FileError) in
                if isNew { counters.published(in: .now - start) }
                try concluded(job, .published(folder))
                var fields = ["published_as": folder]
                if isNew { fields["delays"] = delays(job, publishing: .now - start) }
                tell(.published, isNew ? "published" : "published before the restart", job, fields)
            }
            dismiss(job)
        } catch {
            // Published, it needs its inputs no more: another job may have to put them away.
            if job.state == .publishing { dismiss(job) }
            queue.add(job)
            pause(error, Date().timeIntervalSince1970)
        }
    }

    /// Where a job's time went, as mail servers tell it: settling, waiting, the last worker, publishing; seconds, `-` for what
    /// this daemon has not seen.
    private func delays(_ job: Job, publishing: Duration) -> String {
        let run = runMicroseconds[job.id].map { Double($0) / 1e6 }
        let claim = claims[job.id]
        let waited = claim.flatMap { claim in
            run.map { (ContinuousClock.now - claim.at - publishing) / .seconds(1) - $0 }
        }
        return [claim?.settled, waited, run, publishing / .seconds(1)]
            .map { $0.map { String(format: "%.2f", max(0, $0)) } ?? "-" }.joined(separator: "/")
    }

    /// Sets a job aside that cannot be done.
    ///
    /// - Returns: whether that was possible; else the job waits in the queue.
    @discardableResult func setAside(_ job: Job, _ failure: Failure, _ stage: String? = nil) -> Bool {
        do {
            var named = failure
            named.place?.file = lastComponent(failure.place?.file ?? "")
            // Crashes are counted as they happen; any other failure ends one more try.
            let isCrash = failure.kind.isOfWorker
            let attempts = isCrash ? job.crashes : job.crashes + 1
            let needed = try stillNeeded(of: job)
            try store.fail(job, named, attempts: attempts, stillNeeded: needed) {
                (folder) throws(FileError) in
                try concluded(job, .failed(failure, folder))
            }
            dismiss(job)
            failures += 1
            tell(
                .failed, "failed: \(failure.message)", job, level: .error,
                told(failure.code, isCrash ? .crash : .job, stage))
            return true
        } catch {
            var job = job
            if job.state == .running { job.state = .claimed }
            requeue(job)
            pause(error, Date().timeIntervalSince1970)
            return false
        }
    }

    func pause(_ error: FileError, _ now: Double) {
        let fields = told("file.\(error.operation)", .place)
        pause(error.description, now, fields.merging(["errno": String(error.number)]) { $1 })
    }

    /// Starts nothing for a while: a place does not work.
    private func pause(_ reason: String, _ now: Double, _ fields: [String: String] = [:]) {
        if pausedUntil == nil { tell(.waiting, "waiting: \(reason)", level: .warning, fields) }
        (pausedUntil, pauseReason) = (now + Self.pauseSeconds, reason)
    }
}
