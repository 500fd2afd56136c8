import DurableFiles
import Foundation
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// Runs the program that is told of finished jobs, one at a time and beside the queue. What it has not yet been told lies in
/// STATE/hook and outlives the daemon: each job is told at least once, unless the program fails five times. In the place
/// of a program may stand a socket: who listens there is given the same and answers `told`.
public struct CompletionHook {
    /// How a run ended, and for which job.
    enum End: Equatable { case succeeded, failed(String), gaveUp(String) }

    private static let (attempts, seconds) = (5, 60.0)
    private let folder: String
    private var waiting: [(id: String, failures: Int, due: Double)] = []
    private var running: (pid: Int32, id: String, failures: Int, until: Double)?

    init(stateFolder: String) {
        folder = "\(stateFolder)/hook"
        let left = (try? PosixFileSystem().list(folder).map(\.name)) ?? []
        waiting = left.filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.map { (stem($0), 0, 0) }
    }

    /// Whether nothing is left to be told.
    var isIdle: Bool { waiting.isEmpty && running == nil }

    /// When something is due, seconds since 1970.
    func next(_ now: Double) -> Double {
        running?.until ?? waiting.map(\.due).min() ?? .infinity
    }

    /// Takes a job's JSON, durable when this returns.
    mutating func add(_ id: String, _ json: String, _ files: some FileSystem) throws(FileError) {
        try files.createDirectory(folder)
        try files.replace("\(folder)/\(id).json", Array(json.utf8), mode: 0o600)
        if !waiting.contains(where: { $0.id == id }) { waiting.append((id, 0, 0)) }
    }

    /// Starts what is due, and kills what takes more than a minute.
    ///
    /// - Returns: why the program could not be started.
    mutating func tend(_ program: String, _ now: Double, _ files: some FileSystem) -> String? {
        if let running {
            if now > running.until {
                kill(-running.pid, SIGKILL)
                self.running?.until = now + 1
            }
            return nil
        }
        guard let index = waiting.firstIndex(where: { $0.due <= now }) else { return nil }
        let (id, failures, _) = waiting.remove(at: index)
        let isSocket = (try? files.status(program))?.kind == .other
        let command = isSocket ? ["/proc/self/exe", "tell-hook", program] : [program]
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup(PathCoding.cString($0)) } + [nil]
        defer { for word in words { free(word) } }
        let pid = cl_spawn(command[0], &words, "\(folder)/\(id).json", STDERR_FILENO)
        if pid > 0 {
            running = (pid, id, failures, now + Self.seconds)
            return nil
        }
        let reason = String(cString: strerror(errno))
        _ = again(id, failures, now, files)
        return reason
    }

    /// A child has ended; nil when it was not the hook.
    mutating func ended(_ pid: Int32, _ status: Int32, _ now: Double, _ files: some FileSystem) -> End? {
        guard let run = running, run.pid == pid else { return nil }
        running = nil
        guard status != 0 else {
            try? files.remove("\(folder)/\(run.id).json")
            return .succeeded
        }
        return again(run.id, run.failures, now, files)
    }

    private mutating func again(_ id: String, _ failures: Int, _ now: Double, _ files: some FileSystem) -> End
    {
        guard failures + 1 < Self.attempts else {
            try? files.remove("\(folder)/\(id).json")
            return .gaveUp(id)
        }
        waiting.append((id, failures + 1, now + pow(2, Double(failures)) / 2))
        return .failed(id)
    }

    /// Gives a job's JSON to who listens on a socket.
    ///
    /// - Returns: whether it was taken.
    public static func tell(_ json: [UInt8], _ socket: String) -> Bool {
        var answer = [UInt8](repeating: 0, count: 256)
        let count = cl_ask(PathCoding.cString(socket), json, json.count, &answer, answer.count)
        return count > 0 && answer[..<count].elementsEqual("told\n".utf8)
    }

    /// Ends a run; its job is told again by the next daemon.
    func stop() { if let running { kill(-running.pid, SIGTERM) } }
}
