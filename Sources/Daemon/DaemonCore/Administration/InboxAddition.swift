import Digests
import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON
import ServiceConfiguration
import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// Adds an inbox to a service: a piece of its configuration, and a drop-in of its unit that makes the folder visible. Then
/// it checks that the service watches the inbox, and undoes its changes if not.
///
/// After a kill at any point, the same command completes the work.
public struct InboxAddition {
    /// The result of an addition.
    public struct Answer {
        /// The inbox, its path without symbolic links.
        public var inbox: Configuration.Inbox
        /// The folder's owner, group and mode.
        public var ownership: String
        /// The piece of the configuration.
        public var piece: String
        /// The unit and its drop-in; nil without systemd.
        public var unit, dropIn: String?
        /// How the service watches it; nil: not checked.
        public var watch: String?
        /// Notes for the administrator.
        public var notes: [String]
    }

    private let inbox: Configuration.Inbox
    private let files: ConfigurationFiles
    private let folder: InboxFolder
    private let unitName: String?
    private let stateFolder: String?
    private let lock: FolderLock?

    /// An addition.
    ///
    /// - Parameters:
    ///   - written: the folder, by an absolute path.
    ///   - unitName: the unit that reads the configuration; nil: none is known.
    ///   - stateFolder: the daemon's state folder; nil: the one in the daemon's command line or environment.
    public init(
        _ written: String, watch: Configuration.Inbox.Watch, priority: Int, files: ConfigurationFiles,
        unitName: String?, stateFolder: String?
    ) throws(Failure) {
        folder = try InboxFolder(written)
        inbox = Configuration.Inbox(path: folder.path, watch: watch, priority: priority)
        self.files = files
        self.unitName = unitName.map { $0.hasSuffix(".service") ? $0 : "\($0).service" }
        self.stateFolder = stateFolder
        lock = try Self.hold(parent(files.main))
    }

    /// The name of both files: the beginning of the folder's name, and a digest of its path, which makes it unique.
    private var name: String {
        let known = lastComponent(inbox.path).prefix(40).map { letter in
            letter.isASCII && (letter.isLetter || letter.isNumber) ? letter : "_"
        }
        return "\(String(known))-\(Digest.sha256(Array(inbox.path.utf8)).prefix(8))"
    }

    /// The piece of the configuration that adds it.
    public var piece: String { "\(files.folder)/\(name).yaml" }

    private func dropIn(of unit: SystemdUnit) -> (path: String, content: InboxDropIn) {
        // Tests set this environment variable.
        let units = ProcessInfo.processInfo.environment["CLIPDRAGD_UNITS"] ?? "/etc/systemd/system"
        return (
            "\(units)/\(unit.name).d/inbox-\(name).conf",
            InboxDropIn(
                inbox.path, protectHome: unit["ProtectHome"], privateTmp: unit["PrivateTmp"],
                mountPoint: FolderPlace(inbox.path).mountPoint
            ) { PathCoding.resolved($0) ?? $0 }
        )
    }

    /// Whether it goes together with the rest of the configuration.
    ///
    /// - Parameter others: the configuration without this inbox's piece.
    public func check(beside others: Configuration) throws(Failure) {
        let place = FolderPlace(inbox.path)
        if let same = others.inboxes.first(where: { FolderPlace($0.path) == place }) {
            throw Failure(
                .badConfiguration, code: "config.overlap",
                message: "the configuration has this inbox already, as \(same.path)",
                file: inbox.path,
                hint: "If the service does not see it, remove it there and run this command again.")
        }
        var whole = others
        whole.inboxes.append(inbox)
        if let clash = whole.folderClash { throw clash }
    }

    /// Adds the inbox.
    public func run() throws(Failure) -> Answer {
        let unit = if let unitName { try SystemdUnit(unitName) } else { nil as SystemdUnit? }
        let dropIn = unit.map { self.dropIn(of: $0) }
        let start = Date().timeIntervalSince1970
        var changes = FileChanges()
        var watch: String?
        do throws(Failure) { try write(unit, dropIn, &changes) } catch {
            changes.takeBack()
            throw error
        }
        if let unit, unit.isActive {
            do throws(Failure) {
                watch = try watched(by: unit, hasChanges: changes.isAny, since: start)
            } catch {
                changes.takeBack()
                throw Self.restored(unit, after: error)
            }
        } else {
            _ = unit?.reloadManager()
        }
        return Answer(
            inbox: inbox, ownership: folder.ownership, piece: piece, unit: unit?.name, dropIn: dropIn?.path,
            watch: watch, notes: notes(unit, dropIn, watch))
    }

    /// Restarts the service after the changes are undone.
    ///
    /// - Returns: the refusal, with a hint that says whether the service runs.
    private static func restored(_ unit: SystemdUnit, after refusal: Failure) -> Failure {
        var failure = refusal
        let isBack = unit.reloadManager() == nil && unit.restart() == nil
        failure.hint =
            "The command undid its changes"
            + (isBack
                ? ", and the service runs."
                : ", but the service does not run: see `systemctl status \(unit.name)`.")
        return failure
    }

    /// Locks the configuration's folder, so that no two commands change it at once. nil when the folder is missing or
    /// unreadable: the reading of the configuration then reports that.
    private static func hold(_ folder: String) throws(Failure) -> FolderLock? {
        do { return try FolderLock(folder) } catch {
            switch error.errno {
            case .wouldBlock:
                throw Failure(
                    .tryLater, code: "file.flock", message: "another add-inbox is at work", file: folder,
                    hint: "Wait for it.",
                    isRetryable: true)
            case .noSuchFileOrDirectory, .notDirectory, .permissionDenied: return nil
            default: throw Failure(error, .badOutput)
            }
        }
    }

    private func write(
        _ unit: SystemdUnit?, _ dropIn: (path: String, content: InboxDropIn)?, _ changes: inout FileChanges
    ) throws(Failure) {
        let service = unit.flatMap { ServiceUser($0) }
        do throws(FileError) { changes.made = try folder.make(for: service) } catch {
            throw Failure(error, .badOutput)
        }
        if let service, let dropIn,
            let refusal = folder.refusal(of: service, isBound: dropIn.content.access != .named)
        {
            throw refusal
        }
        do throws(FileError) {
            // In this order: a service that can see more starts; one whose inbox it cannot see does not.
            if let dropIn { try changes.write(dropIn.path, dropIn.content.text) }
            try changes.write(piece, "# Written by `clipdragd add-inbox`.\n\(inbox.yaml)")
        } catch { throw Failure(error, .badOutput) }
    }

    /// How the service watches the inbox, or why it does not.
    private enum WatchState {
        case watched(String)
        case not(String, mayChange: Bool = false)
    }

    /// How the service watches it; restarts the service if necessary.
    private func watched(by unit: SystemdUnit, hasChanges: Bool, since start: Double) throws(Failure)
        -> String
    {
        var unit = unit
        var look = hasChanges ? WatchState.not("") : ask(unit)
        if case .not = look {
            switch unit.reloadManager() ?? unit.restart() {
            case nil: look = wait(&unit)
            case .late(let what)?: look = .not(what)
            case .failed?: look = .not("it does not start")
            }
        }
        switch look {
        case .watched(let mode): return mode
        case .not(let why, _):
            unit.refresh()
            let said = unit.lastWords(since: start).map { "; it says: \($0)" } ?? ""
            throw Failure(
                .badOutput, code: "inbox.refused", message: "\(unit.name) does not watch it: \(why)\(said)",
                file: inbox.path, hint: "")
        }
    }

    private func ask(_ unit: SystemdUnit) -> WatchState {
        guard let process = unit.process else { return .not("it does not run") }
        let state = StateReader(stateFolder ?? unit.stateFolder)
        guard state.status?.pid == process else {
            return .not("its status is not in \(state.folder)", mayChange: true)
        }
        guard let watched = state.status?.inboxes.first(where: { $0.path == inbox.path }) else {
            return .not("it has no such inbox; is \(files.main) its configuration?")
        }
        guard watched.watch != "away" else { return .not("it sees no folder there") }
        guard folder.isSeen(by: process) else { return .not("it sees another folder there") }
        return .watched(watched.watch)
    }

    /// Asks until the service watches the inbox, or has run for long enough.
    private func wait(_ unit: inout SystemdUnit) -> WatchState {
        let end = ContinuousClock.now + .seconds(10)
        while true {
            unit.refresh()
            let look = ask(unit)
            guard case .not(_, mayChange: true) = look, unit.isActive, ContinuousClock.now < end else {
                return look
            }
            usleep(100_000)
        }
    }

    private func notes(
        _ unit: SystemdUnit?, _ dropIn: (path: String, content: InboxDropIn)?, _ watch: String?
    ) -> [String] {
        var notes: [String] = []
        if dropIn?.content.access == .bound {
            notes.append(
                "what lies in \(parent(inbox.path)) does not last; without the folder the service watches its other inboxes"
            )
        }
        if let unit, watch == nil {
            notes.append(
                "\(unit.name) does not run, so the inbox is not checked. At its start the service names inboxes that it cannot use; once it runs, the same command checks the inbox"
            )
        }
        if unit == nil {
            let unknown =
                unitName.map { "systemd does not know \($0)" }
                ?? "no unit was named (--unit) that reads \(files.main)"
            notes.append("\(unknown): let the daemon's user write into the folder, and restart the daemon")
        }
        return notes
    }
}

/// Files and folders that were made or changed, with their former content.
private struct FileChanges {
    /// Folders, the innermost first.
    var made: [String] = []
    /// Whether a file was changed.
    private(set) var isAny = false
    private var before: [(path: String, bytes: [UInt8]?)] = []
    private let files = PosixFileSystem()

    /// Writes a file, unless it has this content already.
    mutating func write(_ path: String, _ text: String) throws(FileError) {
        let bytes = Array(text.utf8)
        let old = try files.status(path) == nil ? nil : try files.read(path)
        // A file with this content is of an earlier, interrupted command: an undo removes it too.
        before.append((path, old == bytes ? nil : old))
        guard old != bytes else { return }
        isAny = true
        made = try InboxFolder.missing(parent(path)) + made
        try files.createDirectory(parent(path))
        try files.replace(path, bytes, mode: 0o644)
    }

    /// Undoes all changes.
    func takeBack() {
        for (path, bytes) in before.reversed() {
            if let bytes { try? files.replace(path, bytes, mode: 0o644) } else { try? files.remove(path) }
        }
        InboxFolder.remove(made)
    }
}
