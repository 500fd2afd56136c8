import Foundation
import JobFiles
import Logging
import SpecParser

#if canImport(Glibc)
    import Glibc
#endif

/// Starting workers, and what becomes of their jobs.
extension Daemon {
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
                setAside(job, JobFailure(ambiguous: job.spec, among: job.ambiguous))
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
        case .succeeded: complete(job)
        case .failed(let failure)
        where failure.retryable || [.cannotCreate, .ioError, .tryLater].contains(failure.exit):
            // The place is at fault, not the job: no attempt is charged.
            job.state = .claimed
            queue.add(job)
            tell(.postponed, "put off: \(failure.message)", job, level: .warning, ["code": failure.code])
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
        queue.add(job)
        tell(
            .retried, "\(failure.message); trying again", job, level: .warning,
            ["code": failure.code, "crashes": String(job.crashes)])
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
            let needed = stillNeeded(of: job)
            let isKnown = try records.knows(job.id, files)
            let start = ContinuousClock.now
            try store.complete(&job, isKnown: isKnown, stillNeeded: needed) {
                (job, folder, isNew) throws(FileError) in
                if isNew { counters.published(in: .now - start) }
                try concluded(job, .published(folder))
                tell(
                    .published, isNew ? "published" : "published before the restart", job,
                    ["published_as": folder])
            }
            dismiss(job)
        } catch {
            // Published, it needs its inputs no more: another job may have to put them away.
            if job.state == .publishing { dismiss(job) }
            queue.add(job)
            pause(error.description, Date().timeIntervalSince1970)
        }
    }

    func setAside(_ job: Job, _ failure: JobFailure) {
        do {
            var named = failure
            named.file = failure.file.map(lastComponent)
            // Crashes are counted as they happen; any other failure ends one more try.
            let attempts = failure.code.hasPrefix("worker.") ? job.crashes : job.crashes + 1
            let needed = stillNeeded(of: job)
            try store.fail(job, named, attempts: attempts, stillNeeded: needed) {
                (folder) throws(FileError) in
                try concluded(job, .failed(failure.code, folder))
            }
            dismiss(job)
            failures += 1
            tell(.failed, "failed: \(failure.message)", job, level: .error, ["code": failure.code])
        } catch {
            var job = job
            if job.state == .running { job.state = .claimed }
            requeue(job)
            pause(error.description, Date().timeIntervalSince1970)
        }
    }

    func pause(_ reason: String, _ now: Double) {
        if pausedUntil == nil { tell(.waiting, "waiting: \(reason)", level: .warning) }
        pausedUntil = now + 5
        notifier.status("waiting: \(reason)")
    }
}
