import Foundation
import JobFiles
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
        for (verb, id) in control.takeRequests(files) {
            switch verb {
            case .hold: change(id, .held, "held") { $0.state = .held }
            case .release: change(id, .released, "released") { $0.state = .claimed }
            case .cancel: cancel(id)
            case .requeue: requeue(failed: id)
            }
        }
    }

    private func change(_ id: String, _ event: JobEvent, _ what: String, _ body: (inout Job) -> Void) {
        guard var job = queue[id], job.state != .publishing else { return }
        body(&job)
        queue.add(job)
        try? store.save(job)
        tell(event, what, job, level: .notice)
    }

    private func cancel(_ id: String) {
        if let worker = workers.first(where: { $0.job.id == id }) {
            stopWorker(worker)
            queue.add(worker.job)
        }
        guard let job = queue[id], job.state != .publishing else { return }
        queue.remove(id)
        tell(.cancelled, "cancelled", job, level: .notice)
        setAside(
            job,
            JobFailure(
                code: "job.cancelled", message: "the job was cancelled",
                hint: "`clipdragd requeue \(id)` runs it after all.", exit: .tryLater))
    }

    /// A failed job's inputs go back to where they came from. What cannot, for another file has its name there, stays.
    private func requeue(failed id: String) {
        guard let record = records.record(id, files), let folder = record["folder"]?.string,
            let inbox = record["inbox"]?.string
        else { return }
        do {
            for entry in try files.list(folder)
            where !["error.json", "error.txt"].contains(entry.name) {
                try putBack("\(folder)/\(entry.name)", into: inbox)
            }
            let left = try files.list(folder).map(\.name)
            if Set(left).isSubset(of: ["error.json", "error.txt"]) { try files.removeTree(folder) }
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
