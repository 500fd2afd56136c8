import Foundation
import JobFiles

#if canImport(Glibc)
    import Glibc
#endif

/// What the command line asks of a running daemon.
extension Daemon {
    func obeyControl() {
        _ = controlWatcher?.drain()
        control.read(files)
        for (verb, id) in control.takeRequests(files) {
            switch verb {
            case .hold: change(id) { $0.state = .held }
            case .release: change(id) { $0.state = .claimed }
            case .cancel: cancel(id)
            case .requeue: requeue(id)
            }
        }
    }

    private func change(_ id: String, _ body: (inout Job) -> Void) {
        guard var job = queue[id], job.state != .publishing else { return }
        body(&job)
        queue.add(job)
        try? store.save(job)
    }

    private func cancel(_ id: String) {
        if let worker = workers.first(where: { $0.job.id == id }) {
            stopWorker(worker)
            queue.add(worker.job)
        }
        guard let job = queue[id], job.state != .publishing else { return }
        queue.remove(id)
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
    }
}
