import DurableFiles
import Foundation
import JobFiles
import ServiceConfiguration
import SpecParser
import SystemPackage
import YAMLDocuments

#if canImport(Glibc)
    import Glibc
#endif

/// One inbox: its lock, its watcher and the findings of its last scan. It is attached to a folder, not to a path: a folder that
/// is mounted or made at the path later is another inbox.
final class WatchedInbox {
    static let rescanSeconds = 60.0
    static let pollSeconds = 2.0

    /// Reasons for a scan.
    enum Reason: String, CaseIterable {
        case start, event, overflow, mounts
        /// An unfinished file may be ready.
        case settling
        /// The regular scan, without news.
        case regular
    }

    private struct Attachment {
        let device, inode: UInt64
        let lock: InboxLock
        let watcher: Watcher
    }

    let path: String
    private(set) var findings = InboxScanner.Findings()
    private(set) var hasScanned = false
    private(set) var nextLook = 0.0
    /// The reason for the next scan.
    private(set) var reason = Reason.start
    /// Whether a claim has failed, or another daemon may have left claims half done.
    var hasLeftovers = false
    /// Whether the last look at it failed.
    var hasFailed = false
    /// How often the kernel's queue of events overflowed.
    private(set) var overflows = 0
    private let settings: Configuration.Inbox
    /// Seconds without a change after which a file is examined.
    var quiet: Double {
        didSet {
            scanner.quiet = quiet
            lookNow()
        }
    }
    private let isComplete: InboxScanner.CompletenessCheck
    private var scanner: InboxScanner
    private var attachment: Attachment?
    /// Why its folder cannot be used, as the log has it.
    var absence: Errno?
    private var mayBeGone = false
    /// Whether the path led to another folder, or to none, at the last check.
    private(set) var isGone = false
    /// Specs that claims took, until their events come.
    private var ownDepartures: Set<String> = []
    /// Files that were reported as unreadable.
    private var reported: Set<String> = []
    /// Specs that were reported as empty.
    private var reportedPlaceholders: Set<String> = []

    init(_ inbox: Configuration.Inbox, quiet: Double, isComplete: @escaping InboxScanner.CompletenessCheck) {
        path = inbox.path
        settings = inbox
        self.quiet = quiet
        self.isComplete = isComplete
        scanner = InboxScanner(inbox, quiet: quiet, isComplete: isComplete)
    }

    /// Whether its folder exists and this daemon has locked it.
    var isAttached: Bool { attachment != nil }
    /// The mark in the IDs of its jobs; nil while it is detached.
    var mark: String? { attachment?.lock.mark }
    /// How the daemon watches it; nil while it is detached.
    var mode: Watcher.Mode? { attachment?.watcher.mode }
    /// Why the daemon polls it although the configuration does not say so.
    var refusal: FileError? { attachment?.watcher.refusal }
    /// Readable when events wait; nil where there are none.
    var descriptor: Int32? { attachment.flatMap { $0.watcher.descriptor < 0 ? nil : $0.watcher.descriptor } }

    /// Attaches the folder that is now at the path: locks it against other daemons, and watches it.
    func attach(_ files: some FileSystem) throws {
        guard let real = PathCoding.resolved(path) else { throw FileError(.open, path) }
        guard let status = try files.status(real) else {
            throw FileError(.open, path, .noSuchFileOrDirectory)
        }
        // Someone who may write into the inbox may have put a link there.
        guard try files.status(InboxLayout(path).claims)?.kind == .directory else {
            throw FileError(.open, InboxLayout(path).claims, .tooManySymbolicLinkLevels)
        }
        attachment = Attachment(
            device: status.device, inode: status.inode,
            lock: try InboxLock(InboxLayout(path).lock), watcher: try Watcher(path, settings.watch))
        scanner = InboxScanner(settings, quiet: quiet, isComplete: isComplete)
        (mayBeGone, nextLook, reason) = (false, 0, .start)
        ownDepartures = []
    }

    /// Forgets the folder and its findings.
    func detach() {
        (attachment, isGone) = (nil, false)
        (findings, nextLook) = (.init(), 0)
    }

    /// Notes that the mounts have changed, so that the folder may have gone.
    func suspectGone() {
        (mayBeGone, reason) = (true, .mounts)
        if !isAttached { nextLook = 0 }
    }

    /// Checks whether the path still leads to the attached folder. It asks the file system after a sign that it may not, and
    /// before each scan.
    func checkFolder(_ files: some FileSystem) {
        guard let attachment, mayBeGone || nextLook <= ServiceClock.now else { return }
        mayBeGone = false
        let status = PathCoding.resolved(path).flatMap { try? files.status($0) }
        isGone = status?.device != attachment.device || status?.inode != attachment.inode
    }

    /// Reads the waiting events.
    ///
    /// - Returns: whether any asks for a look.
    @discardableResult func readEvents() -> Bool {
        guard let news = attachment?.watcher.drain() else { return false }
        for name in news.departures { departed(name) }
        // Someone may have made it readable.
        let isReadable = !news.attributes.isDisjoint(with: findings.unreadable.keys)
        guard news.isAny || isReadable else { return nextLook == 0 }
        scanner.note(news.arrivals)
        if news.isOverflow { overflows += 1 }
        if news.isGone { mayBeGone = true }
        (nextLook, reason) = (0, news.isOverflow ? .overflow : .event)
        return true
    }

    /// Notes that a file has left the inbox. A picture that goes changes nothing but the list of orphans; a spec that goes, unless a
    /// claim took it, may leave its pictures as orphans.
    private func departed(_ name: String) {
        findings.waiting[name] = nil
        guard ownDepartures.remove(name) == nil, InboxNames.isSpec(name) else { return }
        (nextLook, reason) = (0, .event)
    }

    /// Checks whether files that an ended job needed have left the inbox.
    func checkLeft(_ names: [String], _ files: some FileSystem) {
        for name in names where findings.waiting[name] != nil {
            do { if try files.status("\(path)/\(name)") == nil { findings.waiting[name] = nil } } catch {
                // The next scan finds out.
            }
        }
    }

    /// Whether a scan is due.
    func isDue(_ now: Double) -> Bool { isAttached && now >= nextLook }

    /// Makes the next scan due at once.
    func lookNow() { nextLook = 0 }

    /// Notes that the daemon itself moved a spec back.
    func movedBack(_ name: String) { scanner.movedBack(name) }

    /// Scans the inbox.
    func scan(_ files: some FileSystem, _ now: Double) throws(FileError) {
        findings = try scanner.scan(files, now: now, clock: now + ServiceClock.jump)
        hasScanned = true
        let regular = now + (mode == .inotify ? Self.rescanSeconds : Self.pollSeconds)
        nextLook = min(findings.lookAgain ?? regular, regular)
        reason = nextLook < regular ? .settling : .regular
        // The daemon claims these next; scan again for more.
        if !findings.pairs.isEmpty { nextLook = now }
    }

    /// Takes the unreadable files that were not reported yet.
    func takeNewlyUnreadable() -> [FileError] {
        defer { reported = Set(findings.unreadable.keys) }
        return findings.unreadable.sorted { $0.key < $1.key }.filter { !reported.contains($0.key) }
            .map { FileError(.open, "\(path)/\($0.key)", $0.value) }
    }

    /// Takes the empty specs that were not reported yet.
    func takeNewPlaceholders() -> [String] {
        defer { reportedPlaceholders = findings.placeholders }
        return findings.placeholders.subtracting(reportedPlaceholders).sorted()
    }

    /// Notes that a pair has left the inbox: its spec no longer needs files there.
    func claimed(_ pair: Pair) {
        findings.named.remove(of: pair.spec)
        if mode != .poll { ownDepartures.insert(pair.spec) }
    }

    /// Makes the next scan due soon, because the inbox could not be read or is missing.
    func retryLater(_ now: Double) { nextLook = now + Self.pollSeconds }
}
