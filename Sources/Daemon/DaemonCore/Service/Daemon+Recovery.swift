import DurableFiles
import Foundation
import Logging

/// What an earlier daemon, or a place that failed, left half done.
extension Daemon {
    /// Goes on with claims that belong to no job under way.
    func takeUpLeftovers(_ inbox: WatchedInbox) throws(FileError) {
        let known = Set((queue.all + workers.map(\.job)).map(\.id))
        try store.finishSettingAside(from: inbox.path, besides: known)
        let left = try store.leftovers(inbox.path, besides: known)
        // Whose picture is put away must know whether a spec that waits in the inbox names it too.
        if left.contains(where: { $0.state == .publishing }) {
            try inbox.scan(files, Date().timeIntervalSince1970)
            inbox.lookNow()
        }
        for job in left {
            tell(.resumed, "taken up again", job, ["from": job.state.rawValue])
            admit(job)
            if job.state == .publishing {
                queue.remove(job.id)
                complete(job)
            }
        }
        inbox.hasStrays = false
    }

    /// Has a job tried again, unless its claim has gone: then it is ended but for what the next look completes, and would
    /// fail for ever.
    func requeue(_ job: Job) {
        guard store.hasGone(job) else { return queue.add(job) }
        log.warning("its claim has gone", metadata: ["job": "\(job.id)", "name": "\(job.name)"])
        dismiss(job)
        let inbox = inboxes.first { $0.path == job.inbox }
        inbox?.hasStrays = true
        inbox?.lookNow()
    }
}
