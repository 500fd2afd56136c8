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
        control.read(files)
        for (verb, id) in control.takeRequests(files) {
            switch verb {
            case .hold: change(id) { $0.state = .held }
            case .release: change(id) { $0.state = .claimed }
            case .cancel: cancel(id)
            case .requeue: requeue(failed: id)
            }
        }
    }

    private func change(_ id: String, _ body: (inout Job) -> Void) {
        guard let index = queue.firstIndex(where: { $0.id == id && $0.state != .publishing }) else { return }
        body(&queue[index])
        try? store.save(queue[index])
    }

    private func cancel(_ id: String) {
        if let worker = workers.first(where: { $0.job.id == id }) {
            worker.signal(SIGKILL)
            var status: Int32 = 0
            waitpid(worker.pid, &status, 0)
            workers.removeAll { $0.pid == worker.pid }
            queue.append(worker.job)
        }
        guard let job = queue.first(where: { $0.id == id && $0.state != .publishing }) else { return }
        queue.removeAll { $0.id == id }
        setAside(
            job,
            JobFailure(
                code: "job.cancelled", message: "the job was cancelled",
                hint: "Drop the spec again to run it.", exit: .tryLater))
    }

    /// A failed job's inputs go back to where they came from. What cannot, for another file has its name there, stays.
    private func requeue(failed id: String) {
        guard let record = records.record(id, files), let folder = record["folder"]?.string,
            let inbox = record["inbox"]?.string
        else { return }
        do {
            for entry in try files.list(folder).entries
            where !["error.json", "error.txt"].contains(entry.name) {
                try putBack("\(folder)/\(entry.name)", into: inbox)
            }
            let left = try files.list(folder).entries.map(\.name)
            if Set(left).isSubset(of: ["error.json", "error.txt"]) { try files.removeTree(folder) }
        } catch { log.warning("not all of it could be put back: \(error)", metadata: ["job": "\(id)"]) }
    }

    private func putBack(_ path: String, into inbox: String) throws(FileError) {
        let place = "\(inbox)/\(lastComponent(path))"
        guard let there = try files.status(place) else { return try files.move(path, to: place) }
        let ours = try files.status(path)
        if there.device == ours?.device, there.inode == ours?.inode { try files.remove(path) }
    }
}
