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
            case .requeue: requeue(id)
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
                hint: "Drop the spec again to run it.", exit: .tryLater))
    }

    /// A failed job's inputs go back to where they came from.
    private func requeue(_ id: String) {
        guard let record = records.record(id, files), let folder = record["folder"]?.string,
            let inbox = record["inbox"]?.string,
            let entries = try? files.list(folder)
        else { return }
        for entry in entries where !["error.json", "error.txt"].contains(entry.name) {
            guard (try? files.status("\(inbox)/\(entry.name)")) == .some(nil) else { continue }
            try? files.move("\(folder)/\(entry.name)", to: "\(inbox)/\(entry.name)")
        }
        try? files.removeTree(folder)
        tell(
            .requeued, "back in the inbox", level: .notice,
            ["job": id, "name": record["name"]?.string ?? "", "inbox": inbox])
    }
}
