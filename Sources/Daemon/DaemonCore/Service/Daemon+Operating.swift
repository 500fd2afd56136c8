import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON
import Logging

#if canImport(Glibc)
    import Glibc
#endif

/// What the command line asks of a running daemon.
extension Daemon {
    func obeyControl() {
        _ = controlWatcher?.drain()
        let before = (control.isPaused, control.isDraining)
        control.read(files)
        switch (before, (control.isPaused, control.isDraining)) {
        case ((false, _), (true, _)):
            tell(.paused, "paused: nothing is started until `resume`", level: .notice)
        case ((_, false), (_, true)): tell(.draining, "draining: nothing more is started", level: .notice)
        case ((true, _), (false, false)), ((_, true), (false, false)):
            tell(.unpaused, "going on", level: .notice)
        default: break
        }
        for (verb, id) in control.requests {
            switch verb {
            case .hold: change(id, from: .claimed, to: .held, .held, "held")
            case .release: change(id, from: .held, to: .claimed, .released, "released")
            case .cancel: guard cancel(id) else { continue }
            case .requeue: requeue(failed: id)
            }
            control.obeyed(verb, id, files)
        }
    }

    private func change(
        _ id: String, from: Job.State, to state: Job.State, _ event: JobEvent, _ what: String
    ) {
        guard var job = queue[id], job.state == from else { return }
        job.state = state
        queue.add(job)
        try? store.save(job)
        tell(event, what, job, level: .notice)
    }

    /// - Returns: whether it is done; else the place does not work, and it is tried again before anything is started.
    private func cancel(_ id: String) -> Bool {
        if let worker = workers.first(where: { $0.job.id == id }) {
            stopWorker(worker)
            var job = worker.job
            job.state = .claimed
            queue.add(job)
        } else if let pausedUntil, Date().timeIntervalSince1970 < pausedUntil {
            return false
        }
        guard let job = queue[id], job.state != .publishing else { return true }
        queue.remove(id)
        tell(.cancelled, "cancelled", job, level: .notice)
        return setAside(
            job,
            Failure(
                .cancelled, code: "job.cancelled", message: "the job was cancelled",
                hint: "`clipdragd requeue \(id)` runs it after all."))
    }

    /// A failed job's inputs go back to where they came from. What cannot, for another file has its name there, stays.
    private func requeue(failed id: String) {
        guard let record = records.record(id, files), let folder = record["folder"]?.string,
            let inbox = record["inbox"]?.string
        else { return }
        // What lies at an inbox's path while it is not mounted, say, is not that inbox.
        guard inboxes.first(where: { $0.path == inbox })?.isAttached ?? true else {
            return log.warning("its inbox \(inbox) is not there", metadata: ["job": "\(id)"])
        }
        do {
            guard FailedFolder.isOf(id, folder, files) else {
                return log.warning("\(folder) is not this job's any more", metadata: ["job": "\(id)"])
            }
            for entry in try files.list(folder) where !InboxNames.reports.contains(entry.name) {
                try putBack("\(folder)/\(entry.name)", into: inbox)
            }
            let left = try files.list(folder).map(\.name)
            if Set(left).isSubset(of: InboxNames.reports) { try files.removeTree(folder) }
            tell(
                .requeued, "back in the inbox", level: .notice,
                ["job": id, "name": record["name"]?.string ?? "", "inbox": inbox])
        } catch { log.warning("not all of it could be put back: \(error)", metadata: ["job": "\(id)"]) }
    }

    private func putBack(_ path: String, into inbox: String) throws(FileError) {
        let place = "\(inbox)/\(lastComponent(path))"
        guard let there = try files.status(place) else { return try files.move(path, to: place) }
        let ours = try files.status(path)
        if there.device == ours?.device, there.inode == ours?.inode { try files.remove(path) }
    }
}
