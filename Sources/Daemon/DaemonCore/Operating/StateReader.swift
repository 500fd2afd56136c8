import DurableFiles
import JSON
import JobFiles

#if canImport(Glibc)
    import Glibc
#endif

/// Reads a daemon's state folder for the command line. File names have the form of `PathCoding`.
public struct StateReader: Sendable {
    /// The state folder.
    public let folder: String
    /// status.json; nil when no daemon has run with this folder.
    public let status: DaemonStatus?

    /// Reads a state folder.
    public init(_ folder: String) {
        self.folder = folder
        status = (try? PosixFileSystem().read(StateLayout(folder).status)).flatMap {
            try? DaemonStatus(reading: $0)
        }
    }

    /// Whether the daemon that wrote the status is alive. kill(2) reaches no other user's process, so its name decides.
    public var isAlive: Bool {
        guard let pid = status.flatMap({ Int32(exactly: $0.pid) }), pid > 0 else { return false }
        guard kill(pid, 0) == 0 || errno == EPERM else { return false }
        // Another program may have its process ID by now.
        guard let name = try? PosixFileSystem().read("/proc/\(pid)/comm") else { return true }
        return name == Array("clipdragd\n".utf8)
    }

    /// Why the daemon starts nothing now: `paused`, `draining`, or the place that does not work.
    public var obstacle: String? { status?.why }

    /// The running job of an ID.
    public func running(_ id: String) -> DaemonStatus.RunningJob? { status?.running.first { $0.id == id } }

    /// The waiting job of an ID.
    public func waiting(_ id: String) -> DaemonStatus.WaitingJob? { status?.waiting.first { $0.id == id } }

    /// IDs of jobs that have ended, oldest first.
    public var ended: [String] {
        let names = (try? PosixFileSystem().list(StateLayout(folder).history).map(\.name)) ?? []
        return names.filter { $0.hasSuffix(".json") }.map { stem($0) }.sorted()
    }

    /// The record of a job that has ended.
    public func record(_ id: String) -> EndedJob? {
        let path = StateLayout(folder).history(of: lastComponent(id))
        return (try? PosixFileSystem().read(path)).flatMap { try? EndedJob(reading: $0) }
    }
}
