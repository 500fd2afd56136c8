import DurableFiles
import Foundation
import JSON
import JobFiles
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// Renews the gallery after each job that has ended: a program that the daemon runs beside the queue, because it decodes pictures
/// from strangers. The events lie in STATE/gallery and outlive the daemon. Whatever fails here costs no job.
public final class GalleryUpdates {
    /// A word for the log.
    struct Event: Equatable {
        let reason: String
        /// Whether the updates wait for the next job now.
        let isLast: Bool
    }

    private struct Run {
        let pid: Int32
        /// When it is killed, seconds since 1970.
        let until: Double
    }

    private static let (attempts, seconds) = (3, 300.0)
    private let folder: String
    private let files: any FileSystem
    /// The program and its first arguments; nil: there is no gallery.
    private let command: [String]?
    private var hasEvents: Bool
    private var failures = 0
    private var due = 0.0
    private var running: Run?

    init(stateFolder: String, command: [String]?, _ files: any FileSystem) {
        folder = StateLayout(stateFolder).gallery
        self.command = command
        self.files = files
        hasEvents = ((try? files.list(folder)) ?? []).contains { $0.name.hasSuffix(".json") }
    }

    /// Whether no event waits that could be shown now.
    var isIdle: Bool { running == nil && (!hasEvents || failures >= Self.attempts || command == nil) }

    /// When something is due, seconds since 1970.
    var nextTime: Double {
        guard running == nil else {
            return running.map { min($0.until, ServiceClock.now + 0.2) } ?? .infinity
        }
        return isIdle ? .infinity : due
    }

    /// Takes a job's event, with a second name for its picture: the first one may go with the claim.
    func add(_ job: EndedJob, picture: String?) throws(FileError) {
        try files.createDirectory(folder)
        if let picture, try files.status(picture)?.kind == .file {
            let name = "\(folder)/\(job.id).picture"
            try files.remove(name)
            try files.linkOrCopy(picture, to: name)
        }
        try files.replace("\(folder)/\(job.id).json", job.bytes, mode: 0o600)
        (hasEvents, failures, due) = (true, 0, 0)
    }

    /// Ends, kills or starts the program as it is due.
    ///
    /// - Parameter gallery: the gallery's folder and the outbox; nil: the configuration has none.
    func run(_ gallery: (folder: String, outbox: String)?, _ now: Double) -> Event? {
        var event: Event?
        if let run = running {
            if now > run.until { kill(-run.pid, SIGKILL) }
            guard let status = ChildProcesses.takeEnd(of: run.pid) else { return nil }
            running = nil
            event = end(status, isKilled: now > run.until, now)
        }
        guard let gallery, let command, !isIdle, running == nil, now >= due else { return event }
        // An event that comes while the program runs may be missed: `add` notes it again.
        hasEvents = false
        let words = command + ["--events", folder, "--out", gallery.folder, "--outbox", gallery.outbox]
        if let reason = start(words, now) { event = fail("it could not be started: \(reason)", now) }
        return event
    }

    private func end(_ status: Int32, isKilled: Bool, _ now: Double) -> Event? {
        guard status != 0 else {
            failures = 0
            return nil
        }
        return fail(
            isKilled
                ? "it took longer than \(Int(Self.seconds)) seconds"
                : status & 0x7f == 0
                    ? "its program ended with status \(status >> 8 & 0xff)"
                    : "signal \(status & 0x7f) ended its program", now)
    }

    private func fail(_ reason: String, _ now: Double) -> Event {
        failures += 1
        hasEvents = true
        due = now + pow(4, Double(failures))
        return Event(reason: reason, isLast: failures >= Self.attempts)
    }

    /// - Returns: why the program could not be started.
    private func start(_ command: [String], _ now: Double) -> String? {
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup(PathCoding.cString($0)) } + [nil]
        defer { for word in words { free(word) } }
        let output = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(output) }
        let pid = cl_spawn(command[0], &words, nil, "/dev/null", output, 0)
        guard pid > 0 else { return String(cString: strerror(errno)) }
        ChildProcesses.expect(pid)
        running = Run(pid: pid, until: now + Self.seconds)
        return nil
    }

    /// Ends the program; the next daemon shows what is left.
    func stop() {
        guard let running else { return }
        kill(-running.pid, SIGKILL)
        ChildProcesses.waitForEnd(of: running.pid)
        self.running = nil
    }
}
