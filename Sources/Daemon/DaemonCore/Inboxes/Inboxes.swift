import DurableFiles
import Foundation
import JobFiles
import Logging
import ServiceConfiguration
import SystemPackage

/// The inboxes of a daemon: which are attached, and the findings of the last scan of each.
final class Inboxes {
    private(set) var all: [WatchedInbox] = []
    private let context: DaemonContext
    private let mounts = MountWatcher()

    init(_ context: DaemonContext) { self.context = context }

    /// Attaches the inboxes of the configuration. One whose folder is not there, or cannot be used, is away as if it had gone
    /// later; the others work.
    ///
    /// - Throws: when another daemon has one of them, or when none can be used and one that is only missing is not among them: its
    ///   disk may still be mounted.
    func open() throws {
        let configuration = context.configuration
        var errors: [FileError] = []
        for inbox in configuration.inboxes {
            let watched = WatchedInbox(
                inbox, quiet: configuration.limits.quiet, isComplete: context.setup.pictures.completeness)
            all.append(watched)
            do {
                try checkFolder(inbox.path)
                try attach(watched)
            } catch let error as FileError {
                errors.append(error)
                postpone(watched, error)
            }
        }
        let mayCome = errors.contains { $0.errno == .noSuchFileOrDirectory }
        if let error = errors.first, !mayCome, !all.contains(where: \.isAttached) { throw error }
    }

    /// Tries an inbox again later, and tells why when that is another reason than before.
    private func postpone(_ inbox: WatchedInbox, _ error: FileError) {
        inbox.retryLater(ServiceClock.now)
        guard inbox.absence != error.errno else { return }
        inbox.absence = error.errno
        context.log.event(
            .away, "an inbox cannot be used: \(error.reason). \(error.remedy) The daemon waits for it",
            level: .warning, ["inbox": inbox.path, "errno": "\(error.errno.rawValue)"])
    }

    private func checkFolder(_ path: String) throws(FileError) {
        // The user may have named a link to the inbox.
        let real = PathCoding.resolved(path) ?? path
        guard let status = try context.files.status(real) else {
            throw FileError(.open, path, .noSuchFileOrDirectory)
        }
        guard status.kind == .directory else { throw FileError(.open, path, .notDirectory) }
    }

    /// The inbox of a path.
    subscript(_ path: String) -> WatchedInbox? { all.first { $0.path == path } }

    /// Applies the quiet time of the configuration.
    func applyConfiguration() { for inbox in all { inbox.quiet = context.configuration.limits.quiet } }

    /// Makes the next scan of every inbox due.
    func lookNow() { for inbox in all { inbox.lookNow() } }

    /// The inbox of a path. If events report new files, this scans it first: a new spec may name the files of a job.
    func upToDate(_ path: String) throws(FileError) -> WatchedInbox? {
        guard let inbox = self[path] else { return nil }
        if inbox.readEvents() {
            try inbox.scan(context.files, ServiceClock.now)
            inbox.lookNow()
        }
        return inbox
    }

    /// Makes the next scan of an inbox search for claims that were left half done.
    func lookForLeftovers(_ path: String) {
        self[path]?.hasLeftovers = true
        self[path]?.lookNow()
    }

    /// Notes that the mounts have changed: any inbox may have gone or come back.
    func mountsChanged() { for inbox in all { inbox.suspectGone() } }

    // MARK: - Folders that go and come

    /// Detaches the inboxes that were unmounted, mounted over, removed or replaced.
    ///
    /// - Returns: their paths. Their claims lie in them; the daemon finds the claims again when an inbox comes back.
    func detachLost() -> [String] {
        for inbox in all { inbox.readEvents() }
        var lost: [String] = []
        for inbox in all where inbox.isAttached {
            inbox.checkFolder(context.files)
            guard inbox.isGone else { continue }
            context.log.event(
                .away, "an inbox went away or was replaced", level: .warning, ["inbox": inbox.path])
            inbox.detach()
            inbox.absence = .noSuchFileOrDirectory
            context.metrics.countLostWatch()
            lost.append(inbox.path)
        }
        return lost
    }

    /// Attaches the inboxes that have come back.
    func attachReturned() {
        let now = ServiceClock.now
        for inbox in all where !inbox.isAttached && now >= inbox.nextLook {
            do {
                try checkFolder(inbox.path)
                try attach(inbox)
                inbox.absence = nil
                inbox.hasLeftovers = true
                context.log.event(.back, "an inbox is there again", level: .notice, ["inbox": inbox.path])
            } catch let error as FileError {
                postpone(inbox, error)
            } catch { inbox.retryLater(now) }
        }
    }

    /// Locks an inbox for this daemon, if no other daemon has it.
    private func attach(_ inbox: WatchedInbox) throws {
        try context.files.createDirectory(InboxLayout(inbox.path).claims)
        try inbox.attach(context.files)
        if let refusal = inbox.refusal {
            context.log.write(
                .warning, "the inbox is polled every \(Int(WatchedInbox.pollSeconds)) seconds: \(refusal)",
                ["inbox": inbox.path, "errno": "\(refusal.errno.rawValue)"])
        }
    }

    // MARK: - For the loop

    /// When the next scan is due, seconds since 1970.
    var nextLook: Double { all.map(\.nextLook).min() ?? .infinity }
    /// Readable when events wait.
    var descriptors: [Int32] { all.compactMap(\.descriptor) }
    /// Has an exceptional condition when the mounts have changed; −1 where the system does not say.
    var mountDescriptor: Int32 { mounts.descriptor }
    /// Whether nothing in any inbox is ready, or about to become so.
    var isIdle: Bool {
        all.allSatisfy {
            !$0.isAttached || $0.hasScanned && $0.findings.settling.isEmpty && $0.findings.pairs.isEmpty
        }
    }
}
