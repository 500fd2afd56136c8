import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON
import SystemPackage
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// A child process that makes one edit. It writes records, one a line: `WorkerProgress`, and `WorkerFailure` before it fails.
final class WorkerProcess {
    let pid: Int32
    /// The ID of its job.
    let job: String
    /// The descriptor of its output.
    let descriptor: Int32
    /// Whether it has closed its output.
    private(set) var isSilent = false
    /// Its last line of progress.
    private(set) var progress: RunProgress?
    /// When it last reported a new stage or step.
    private var lastProgress: ContinuousClock.Instant
    /// The limit at which the daemon killed it.
    private var exceeded: RunLimit?
    private var started: ContinuousClock.Instant
    /// The time of the last check of the limits.
    private var lastCheck: ContinuousClock.Instant
    /// If more seconds than these pass between two checks, nobody ran: the machine slept, or froze with daemon and worker.
    private static let longestPause = 5.0
    /// When it was first killed.
    private(set) var killed: ContinuousClock.Instant?
    private var buffer: [UInt8] = []
    private var failure: Failure?

    /// Starts a program with arguments, and a limit of its memory in bytes.
    init(_ command: [String], job: String, memory: Int? = nil) throws(FileError) {
        self.job = job
        started = .now
        (lastProgress, lastCheck) = (started, started)
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw FileError(.pipe, command[0]) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var words: [UnsafeMutablePointer<CChar>?] = command.map { strdup(PathCoding.cString($0)) }
        words.append(nil)
        defer { for word in words { free(word) } }
        let child = cl_spawn(
            command[0], words, "\(Worker.daemonVariable)=\(getpid())", "/dev/null", ends[1], 0)
        let number = Errno(rawValue: errno)
        close(ends[1])
        guard child > 0 else {
            close(ends[0])
            throw FileError(.posixSpawn, command[0], number)
        }
        pid = child
        ChildProcesses.expect(child)
        // A backstop: the daemon checks the memory every half second, and a worker can allocate much in between.
        if let memory { _ = cl_limit_data(child, UInt64(memory) + UInt64(memory) / 4 + (256 << 20)) }
        descriptor = ends[0]
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
    }

    deinit { close(descriptor) }

    /// Reads the waiting lines.
    func readLines() {
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count == 0 { isSilent = true }
            if count <= 0 { break }
            buffer.append(contentsOf: chunk[..<count])
            // A line without an end is useless.
            if buffer.count > 1 << 20 { buffer.removeAll() }
        }
        while let end = buffer.firstIndex(of: UInt8(ascii: "\n")) {
            let line = Array(buffer[..<end])
            buffer.removeSubrange(...end)
            if let record = WorkerFailure(line) { failure = record.failure }
            guard let record = try? WorkerProgress(reading: line) else { continue }
            let news = RunProgress(
                stage: record.stage, step: record.step, total: record.total,
                forecast: record.forecast ?? progress?.forecast)
            if news != progress { lastProgress = .now }
            progress = news
        }
    }

    /// Kills it when it exceeds a limit. The daemon checks every second. Where much more time has passed since the last check,
    /// nobody ran, and that time does not count.
    func enforce(_ limits: RunLimits, now: ContinuousClock.Instant = .now) {
        guard exceeded == nil else { return }
        let pause = now - lastCheck - .seconds(Self.longestPause)
        lastCheck = now
        if pause > .zero {
            started += pause
            lastProgress += pause
        }
        if let seconds = limits.seconds, now - started > .seconds(seconds) {
            exceeded = .time
        } else if let memory = limits.memory, (Self.residentBytes(pid) ?? 0) > memory {
            exceeded = .memory
        } else if (now - lastProgress) / .seconds(1) > limits.stalledAfter {
            exceeded = .stalled
        }
        if exceeded != nil { signal(SIGKILL) }
    }

    /// Bytes of a process's anonymous memory; mapped weights do not count.
    static func residentBytes(_ pid: Int32) -> Int? {
        guard let text = try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8),
            let line = text.split(separator: "\n").first(where: { $0.hasPrefix("RssAnon:") })
        else { return nil }
        return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
            .map { $0 * 1024 }
    }

    /// Sends a signal to the worker and its children.
    func signal(_ number: Int32) {
        if number == SIGKILL { killed = killed ?? .now }
        kill(-pid, number)
    }

    /// How it ended, from its status of waitpid(2).
    func end(_ status: Int32) -> RunEnd {
        readLines()
        kill(-pid, SIGKILL)  // its children, such as a captioning program, end with it
        let signal = status & 0x7f
        if let exceeded { return .exceeded(exceeded) }
        if signal != 0 { return .crashed("the worker was killed by signal \(signal)") }
        let code = (status >> 8) & 0xff
        if code == 0 { return .succeeded }
        return failure.map { .failed($0) } ?? .crashed("the worker ended with code \(code) without a report")
    }
}
