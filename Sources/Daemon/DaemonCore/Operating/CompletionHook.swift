import DurableFiles
import Foundation
import JSON
import JobFiles
import Processes
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// Gives the hook one event for each ended job. The hook is a program, which the daemon runs once for each event beside the queue,
/// or a socket, whose listener gets the same text and answers `told`. The events lie in STATE/hook and outlive the daemon. The
/// hook gets each at least once, unless it fails five times.
public final class CompletionHook {
    /// Events for the log.
    enum Event: Equatable {
        /// A run failed, and why; the job's event is given again.
        case failed(job: String, reason: String)
        /// A run failed for the last time.
        case gaveUp(job: String, reason: String)
        /// The lines that a run printed, and the number of bytes that are left out.
        case said(job: String, lines: [String], leftOut: Int)
    }

    private struct Run {
        let pid: Int32
        let id: String
        let failures: Int
        /// When it is killed, seconds since 1970.
        var until: Double
        var isKilled = false
        var output: HookOutput
    }

    private static let (attempts, seconds) = (5, 60.0)
    private let folder: String
    private let files: any FileSystem
    private var waiting: [(id: String, failures: Int, due: Double)] = []
    private var running: Run?

    init(stateFolder: String, _ files: any FileSystem) {
        folder = StateLayout(stateFolder).hook
        self.files = files
        let left = (try? files.list(folder).map(\.name)) ?? []
        waiting = left.filter { $0.hasSuffix(".json") && !$0.hasPrefix(".") }.map { (stem($0), 0, 0) }
    }

    /// Whether the hook has received every event.
    var isIdle: Bool { waiting.isEmpty && running == nil }

    /// When something is due, seconds since 1970.
    func nextTime(_ now: Double) -> Double {
        guard let running else { return waiting.map(\.due).min() ?? .infinity }
        // Its output fills a pipe, which the daemon empties now and then: a hook that prints without end costs the daemon little.
        return min(running.until, now + (running.output.isFlowing ? 0.02 : 1))
    }

    /// Adds a job's event, which is durable when this returns. Its file names are in the form for people.
    func add(_ job: EndedJob) throws(FileError) {
        try files.createDirectory(folder)
        try files.replace("\(folder)/\(job.id).json", Array(job.json.shown.lines.utf8), mode: 0o600)
        if !waiting.contains(where: { $0.id == job.id }) { waiting.append((job.id, 0, 0)) }
    }

    /// Ends, kills and starts runs that are due.
    ///
    /// - Parameter program: the program or socket; nil: the configuration has none.
    func run(_ program: String?, _ now: Double) -> [Event] {
        var events: [Event] = []
        if var run = running {
            let status = ChildProcesses.takeEnd(of: run.pid)
            run.output.read()
            if status == nil && now > run.until {
                kill(-run.pid, SIGKILL)
                (run.until, run.isKilled) = (now + 1, true)
            }
            running = status == nil ? run : nil
            if let status { events += end(run, status, now) }
        }
        guard running == nil, let program, let index = waiting.firstIndex(where: { $0.due <= now }) else {
            return events
        }
        let (id, failures, _) = waiting.remove(at: index)
        if let reason = start(program, id, failures, now) {
            events.append(retry(id, failures, "it could not be started: \(reason)", now))
        }
        return events
    }

    private func end(_ run: Run, _ status: Int32, _ now: Double) -> [Event] {
        let said = run.output.lines
        var events: [Event] = []
        if !said.isEmpty { events.append(.said(job: run.id, lines: said, leftOut: run.output.leftOut)) }
        guard status != 0 else {
            try? files.remove("\(folder)/\(run.id).json")
            return events
        }
        let reason =
            run.isKilled
            ? "it took longer than \(Int(Self.seconds)) seconds"
            : status & 0x7f == 0
                ? "it ended with status \(status >> 8 & 0xff)" : "signal \(status & 0x7f) ended it"
        return events + [retry(run.id, run.failures, reason, now)]
    }

    /// - Returns: why the program could not be started.
    private func start(_ program: String, _ id: String, _ failures: Int, _ now: Double) -> String? {
        let isSocket = (try? files.status(program))?.kind == .other
        let command = isSocket ? ["/proc/self/exe", "tell-hook", program] : [program]
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup(PathCoding.cString($0)) } + [nil]
        defer { for word in words { free(word) } }
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return String(cString: strerror(errno)) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        let pid = cl_spawn(command[0], &words, nil, "\(folder)/\(id).json", ends[1], ends[1])
        let number = errno
        close(ends[1])
        let output = HookOutput(ends[0])
        guard pid > 0 else { return ProgramFile.reason(program, errno: number) }
        ChildProcesses.expect(pid)
        running = Run(pid: pid, id: id, failures: failures, until: now + Self.seconds, output: output)
        return nil
    }

    private func retry(_ id: String, _ failures: Int, _ reason: String, _ now: Double) -> Event {
        guard failures + 1 < Self.attempts else {
            try? files.remove("\(folder)/\(id).json")
            return .gaveUp(job: id, reason: reason)
        }
        waiting.append((id, failures + 1, now + pow(2, Double(failures)) / 2))
        return .failed(job: id, reason: reason)
    }

    /// Delivers a job's event to the listener on a socket.
    ///
    /// - Returns: whether the listener has taken it.
    public static func deliver(_ json: [UInt8], _ socket: String) -> Bool {
        var answer = [UInt8](repeating: 0, count: 256)
        let count = cl_ask(PathCoding.cString(socket), json, json.count, &answer, answer.count)
        return count > 0 && answer[..<count].elementsEqual("told\n".utf8)
    }

    /// Asks the run to end; the next daemon gives the event again.
    func askToEnd() { if let running { kill(-running.pid, SIGTERM) } }

    /// Ends the run and all processes of its group.
    ///
    /// - Parameter seconds: how long it may still take by itself.
    func stop(within seconds: Double) {
        guard let running else { return }
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if ChildProcesses.takeEnd(of: running.pid) != nil {
                kill(-running.pid, SIGKILL)
                self.running = nil
                return
            }
            usleep(10_000)
        }
        kill(-running.pid, SIGKILL)
        ChildProcesses.waitForEnd(of: running.pid)
        self.running = nil
    }
}

/// The first bytes of a hook's output.
private final class HookOutput {
    private static let (byteLimit, lineLimit, piecesAtOnce) = (4096, 20, 16)
    private let descriptor: Int32
    private var bytes: [UInt8] = []
    private var total = 0
    /// Whether the last reading found bytes.
    private(set) var isFlowing = false

    /// Takes ownership of the reading end of a pipe.
    init(_ descriptor: Int32) {
        self.descriptor = descriptor
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit { close(descriptor) }

    /// Empties the pipe. A child of the hook may hold it open, so its end does not show the end of the hook.
    func read() {
        isFlowing = false
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        for _ in 0..<Self.piecesAtOnce {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return }
            isFlowing = true
            total += count
            bytes += chunk[..<min(count, Self.byteLimit - bytes.count)]
        }
    }

    /// The first lines.
    var lines: [String] {
        let text = String(decoding: bytes, as: UTF8.self)
        return text.split(whereSeparator: \.isNewline).prefix(Self.lineLimit).map {
            PathCoding.onOneLine(String($0))
        }
    }

    /// The number of bytes that it has not kept.
    var leftOut: Int { total - bytes.count }
}
