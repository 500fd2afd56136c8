import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON
import Logging
import ServiceConfiguration

/// Carries out the requests of the command line.
final class Operations {
    private let context: DaemonContext
    private let inboxes: Inboxes
    private let scheduler: Scheduler
    private let runs: Runs
    private let history: JobHistory
    private let lifecycle: JobLifecycle
    private var control: ControlFiles
    private var watcher: Watcher?

    init(
        _ context: DaemonContext, _ inboxes: Inboxes, _ scheduler: Scheduler, _ runs: Runs,
        _ history: JobHistory, _ lifecycle: JobLifecycle
    ) {
        self.context = context
        self.inboxes = inboxes
        self.scheduler = scheduler
        self.runs = runs
        self.history = history
        self.lifecycle = lifecycle
        control = ControlFiles(stateFolder: context.setup.stateFolder)
    }

    /// Makes the folder of requests, and watches it.
    func open() throws(FileError) {
        let folder = StateLayout(context.setup.stateFolder).control
        try context.files.createDirectory(folder)
        watcher = try? Watcher(folder, .auto)
    }

    /// The operator's order to start no jobs; nil: jobs start.
    var order: String? { control.isPaused ? "paused" : control.isDraining ? "draining" : nil }
    /// Readable when a request may have come; −1 where requests must be polled for.
    var descriptor: Int32 { watcher?.descriptor ?? -1 }

    /// Reads the requests and carries them out.
    func carryOutRequests() {
        _ = watcher?.drain()
        let before = (control.isPaused, control.isDraining)
        control.read(context.files)
        reportOrder(before: before)
        for request in control.requests {
            guard let id = request.job else { continue }
            switch request.action {
            case .pause, .drain: continue
            case .hold: change(id, from: .waiting, to: .held, .held, "held")
            case .release: change(id, from: .held, to: .waiting, .released, "released")
            case .cancel: guard cancel(id) else { continue }
            case .requeue: requeue(failed: id)
            }
            control.remove(request, context.files)
        }
    }

    private func reportOrder(before: (Bool, Bool)) {
        switch (before, (control.isPaused, control.isDraining)) {
        case ((false, _), (true, _)):
            context.log.event(.paused, "paused: the daemon starts no jobs until `resume`", level: .notice)
        case ((_, false), (_, true)):
            context.log.event(.draining, "draining: the daemon starts no more jobs", level: .notice)
        case ((true, _), (false, false)), ((_, true), (false, false)):
            context.log.event(.unpaused, "resumed: the daemon starts jobs again", level: .notice)
        default: break
        }
    }

    private func change(
        _ id: String, from: Job.State, to state: Job.State, _ event: JobEvent, _ message: String
    ) {
        guard var job = scheduler.queue[id], job.state == from else { return }
        job.state = state
        scheduler.enqueue(job)
        try? context.store.save(job)
        context.log.event(event, message, job, level: .notice)
    }

    /// Stops a job and fails it.
    ///
    /// - Returns: whether that succeeded; if not, the request stays, and the daemon carries it out before it starts a job.
    private func cancel(_ id: String) -> Bool {
        if let run = runs[id] {
            guard run.isConfirmed else { return false }
            runs.stop(id)
            var job = run.job
            (job.state, job.run) = (.waiting, nil)
            scheduler.enqueue(job)
        } else if scheduler.areStartsPaused(ServiceClock.now) {
            return false
        }
        guard let job = scheduler.queue[id], job.state != .publishing else { return true }
        guard !scheduler.isPaused(job.inbox, ServiceClock.now) else { return false }
        scheduler.remove(id)
        context.log.event(.cancelled, "cancelled", job, level: .notice)
        return lifecycle.fail(
            job,
            Failure(
                .cancelled, code: "job.cancelled", message: "the job was cancelled",
                hint: "To run it, use `clipdragd requeue \(id)`."))
    }

    /// Moves a failed job's inputs back to the inbox that they came from. A file whose name is taken there stays.
    private func requeue(failed id: String) {
        guard let record = history.record(id), let folder = record.folder else { return }
        let inbox = record.inbox
        // While an inbox is not mounted, for example, the folder at its path is not that inbox.
        guard inboxes[inbox]?.isAttached ?? true else {
            return context.log.write(.warning, "its inbox \(inbox) is not there", ["job": id])
        }
        let files = context.files
        do {
            guard FailedFolder.isOf(id, folder, files) else {
                return context.log.write(.warning, "\(folder) is not this job's any more", ["job": id])
            }
            for entry in try files.list(folder) where !InboxNames.reports.contains(entry.name) {
                try putBack("\(folder)/\(entry.name)", into: inbox)
            }
            let left = try files.list(folder).map(\.name)
            if Set(left).isSubset(of: InboxNames.reports) { try files.removeTree(folder) }
            context.log.event(
                .requeued, "back in the inbox", level: .notice,
                ["job": id, "name": record.name, "inbox": inbox])
        } catch { context.log.write(.warning, "not all of it could be put back: \(error)", ["job": id]) }
    }

    private func putBack(_ path: String, into inbox: String) throws(FileError) {
        let files = context.files
        let target = "\(inbox)/\(lastComponent(path))"
        guard let there = try files.status(target) else { return try files.move(path, to: target) }
        let ours = try files.status(path)
        if there.device == ours?.device, there.inode == ours?.inode { try files.remove(path) }
    }
}
