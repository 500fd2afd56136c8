import DurableFiles
import Foundation
import JSON
import JobFiles
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// Gives the hook one event for each job that has ended: a program that the daemon runs, one at a time and beside the queue,
/// or a socket, where the listener is given the same and answers `told`. The events lie in STATE/hook and outlive the
/// daemon: each is given at least once, unless the hook fails five times.
public final class CompletionHook {
    /// What may need a word in the log.
    enum Event: Equatable {
        /// The program could not be started, and why.
        case notStarted(String)
        /// A run failed; the job's event is given again.
        case failed(String)
        /// A run failed for the last time.
        case gaveUp(String)
    }

    private static let (attempts, seconds) = (5, 60.0)
    private let folder: String
    private let files: any FileSystem
    private var waiting: [(id: String, failures: Int, due: Double)] = []
    private var running: (pid: Int32, id: String, failures: Int, until: Double)?

    init(stateFolder: String, _ files: any FileSystem) {
        folder = StateLayout(stateFolder).hook
        self.files = files
        let left = (try? files.list(folder).map(\.name)) ?? []
        waiting = left.filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.map { (stem($0), 0, 0) }
    }

    /// Whether no event is left to be given.
    var isIdle: Bool { waiting.isEmpty && running == nil }

    /// When something is due, seconds since 1970.
    var nextTime: Double { running?.until ?? waiting.map(\.due).min() ?? .infinity }

    /// Takes a job's event, durable when this returns. In it, file names are as people read them.
    func add(_ job: EndedJob) throws(FileError) {
        try files.createDirectory(folder)
        try files.replace("\(folder)/\(job.id).json", Array(job.json.shown.lines.utf8), mode: 0o600)
        if !waiting.contains(where: { $0.id == job.id }) { waiting.append((job.id, 0, 0)) }
    }

    /// Ends, kills or starts runs as they are due.
    ///
    /// - Parameter program: the program or socket; nil: the configuration has none.
    func run(_ program: String?, _ now: Double) -> [Event] {
        var events: [Event] = []
        if let run = running {
            if let status = ChildProcesses.takeEnd(of: run.pid) {
                running = nil
                if status == 0 {
                    try? files.remove("\(folder)/\(run.id).json")
                } else {
                    events.append(retry(run.id, run.failures, now))
                }
            } else if now > run.until {
                kill(-run.pid, SIGKILL)
                running?.until = now + 1
            }
        }
        guard running == nil, let program, let index = waiting.firstIndex(where: { $0.due <= now }) else {
            return events
        }
        let (id, failures, _) = waiting.remove(at: index)
        if let reason = start(program, id, failures, now) {
            events.append(.notStarted(reason))
            _ = retry(id, failures, now)
        }
        return events
    }

    /// - Returns: why the program could not be started.
    private func start(_ program: String, _ id: String, _ failures: Int, _ now: Double) -> String? {
        let isSocket = (try? files.status(program))?.kind == .other
        let command = isSocket ? ["/proc/self/exe", "tell-hook", program] : [program]
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup(PathCoding.cString($0)) } + [nil]
        defer { for word in words { free(word) } }
        let pid = cl_spawn(command[0], &words, "\(folder)/\(id).json", STDERR_FILENO)
        guard pid > 0 else { return String(cString: strerror(errno)) }
        ChildProcesses.expect(pid)
        running = (pid, id, failures, now + Self.seconds)
        return nil
    }

    private func retry(_ id: String, _ failures: Int, _ now: Double) -> Event {
        guard failures + 1 < Self.attempts else {
            try? files.remove("\(folder)/\(id).json")
            return .gaveUp(id)
        }
        waiting.append((id, failures + 1, now + pow(2, Double(failures)) / 2))
        return .failed(id)
    }

    /// Gives a job's event to the listener on a socket.
    ///
    /// - Returns: whether the listener has taken it.
    public static func tell(_ json: [UInt8], _ socket: String) -> Bool {
        var answer = [UInt8](repeating: 0, count: 256)
        let count = cl_ask(PathCoding.cString(socket), json, json.count, &answer, answer.count)
        return count > 0 && answer[..<count].elementsEqual("told\n".utf8)
    }

    /// Ends the run; the next daemon gives the event again.
    func stop() { if let running { kill(-running.pid, SIGTERM) } }
}
