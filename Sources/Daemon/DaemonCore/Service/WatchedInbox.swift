import Foundation
import JobFiles
import SpecParser

#if canImport(Glibc)
    import Glibc
#endif

/// One inbox: its lock, its watcher and what was last found in it.
final class WatchedInbox {
    static let rescanSeconds = 60.0
    static let pollSeconds = 2.0

    let path: String
    private(set) var watcher: Watcher?
    private(set) var findings = InboxScanner.Findings()
    private(set) var hasScanned = false
    private(set) var nextLook = 0.0
    /// How often events were lost, or the folder was replaced.
    private(set) var losses = 0
    /// Whether a claim has failed and may have left something behind.
    var hasStrays = false
    private let settings: Configuration.Inbox
    private var scanner: InboxScanner
    private let lock: InboxLock

    /// Watches an inbox that no other daemon has.
    init(_ inbox: Configuration.Inbox, quiet: Double, isComplete: @escaping InboxScanner.CompletenessCheck)
        throws
    {
        path = inbox.path
        settings = inbox
        lock = try InboxLock("\(inbox.path)/.clipdragd/lock")
        scanner = InboxScanner(inbox, quiet: quiet, isComplete: isComplete)
        watcher = try Watcher(inbox.path, inbox.watch)
    }

    /// Whether events or the time ask for a look.
    func isDue(_ now: Double) -> Bool {
        switch watcher?.drain() ?? .lost {
        case .changes: nextLook = now
        case .lost:
            // The folder was replaced, or events were: watch what is there now.
            losses += 1
            watcher = try? Watcher(path, settings.watch)
            nextLook = now
        case .nothing: break
        }
        return now >= nextLook
    }

    /// Makes the next look due at once.
    func lookNow() { nextLook = 0 }

    /// Looks at the inbox.
    func scan(_ files: some FileSystem, _ now: Double) throws(FileError) {
        findings = try scanner.scan(files, now: now)
        hasScanned = true
        let regular = now + ((watcher?.descriptor ?? -1) >= 0 ? Self.rescanSeconds : Self.pollSeconds)
        nextLook = min(findings.lookAgain ?? regular, regular)
        // they are claimed next: look again for what else there is
        if !findings.pairs.isEmpty { nextLook = now }
    }

    /// A pair has left the inbox: its spec needs nothing there any more.
    func claimed(_ pair: Pair) { findings.named[pair.spec] = nil }

    /// Looks again soon: the inbox could not be read.
    func fail(_ error: FileError, _ now: Double) {
        nextLook = now + Self.pollSeconds
        watcher = try? Watcher(path, settings.watch)
    }
}
