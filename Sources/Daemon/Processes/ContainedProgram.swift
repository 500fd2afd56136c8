import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// Runs a program of someone else, which prints a short text. The run has limits and leaves nothing behind: neither a child of the
/// program, even in a session of its own, nor a reader that waits for one. `keepsChildren` makes an exception.
public struct ContainedProgram: Sendable {
    /// How a run ended.
    public struct End: Sendable, Equatable {
        /// What the program printed on standard output, at most `outputLimit` bytes.
        public var output: [UInt8]
        /// What it printed on standard error, at most `errorLimit` bytes.
        public var errors: [UInt8]
        /// Why the run ended.
        public var cause: Cause
    }

    /// Why a run ended.
    public enum Cause: Sendable, Equatable {
        /// The program could not be started: the errno.
        case notStarted(Int32)
        /// The program ended with this status.
        case exited(Int32)
        /// A signal ended the program.
        case signalled(Int32)
        /// The program printed more than `outputLimit` bytes and was killed.
        case printedTooMuch
        /// The program took longer than `seconds` and was killed.
        case tookTooLong
    }

    /// The largest number of bytes of standard output. The run kills a program that prints more.
    public var outputLimit = 1 << 16
    /// The largest number of bytes of standard error that the run keeps. It drops the rest.
    public var errorLimit = 1 << 12
    /// Whether the children of a program that ends within its limits live on: a program that starts a service may be its parent.
    public var keepsChildren = false
    /// Seconds that the program may take.
    public var seconds: Double
    /// The program's path and its arguments.
    public let words: [String]

    /// The environment variable that marks a run's processes.
    private static let marker = "CLIPDRAGD_PROGRAM_RUN"

    /// A program with its arguments, and the seconds that it may take.
    public init(_ words: [String], seconds: Double) {
        self.words = words
        self.seconds = seconds
    }

    /// Runs the program to its end.
    public func run() -> End {
        let mark = "\(Self.marker)=\(getpid()).\(UInt64.random(in: 0 ... .max))"
        let inherited = ProcessInfo.processInfo.environment.filter { $0.key != Self.marker }
        let variables = inherited.map { "\($0.key)=\($0.value)" } + [mark]
        guard let errors = ProgramRun.Pipe() else {
            return End(output: [], errors: [], cause: .notStarted(errno))
        }
        defer { close(errors.reading) }
        let started = ProgramRun.start(words, environment: variables, errors: errors.writing)
        let number = errno
        close(errors.writing)
        guard let child = started else { return End(output: [], errors: [], cause: .notStarted(number)) }
        defer { close(child.output) }
        for descriptor in [child.output, errors.reading] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
        var end = End(output: [], errors: [], cause: .tookTooLong)
        let cause = follow(child, errors.reading, &end)
        end.cause = cause
        let hasExceeded = end.cause == .tookTooLong || end.cause == .printedTooMuch
        if hasExceeded || !keepsChildren { Self.killAll(with: mark) }
        return end
    }

    /// Reads what the program prints until it ends or exceeds a limit. It does not wait for the end of the output: a child may hold
    /// the output open.
    private func follow(_ child: ProgramRun.Child, _ errors: Int32, _ end: inout End) -> Cause {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while true {
            var status: Int32 = 0
            let hasEnded = waitpid(child.pid, &status, WNOHANG) == child.pid
            let isWithin = Self.read(child.output, into: &end.output, limit: outputLimit)
            _ = Self.read(errors, into: &end.errors, limit: errorLimit)
            if hasEnded {
                return status & 0x7f == 0 ? .exited(status >> 8 & 0xff) : .signalled(status & 0x7f)
            }
            let isLate = ContinuousClock.now > deadline
            if !isWithin || isLate {
                kill(child.pid, SIGKILL)
                _ = child.wait()
                return isLate ? .tookTooLong : .printedTooMuch
            }
            // A short sleep, because no descriptor shows the program's end.
            usleep(10_000)
        }
    }

    /// Reads the waiting bytes of a descriptor, at most four pieces.
    ///
    /// - Returns: whether all of it fits.
    private static func read(_ descriptor: Int32, into bytes: inout [UInt8], limit: Int) -> Bool {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        for _ in 0..<4 {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            guard count > 0 else { return true }
            let room = limit - bytes.count
            bytes += chunk[..<min(count, room)]
            if count > room { return false }
        }
        return true
    }

    /// Kills every process whose environment has a variable: the program's children, whatever group or parent they have.
    private static func killAll(with variable: String) {
        // A process may start another one while this reads the list.
        for _ in 0..<10 {
            var found = false
            for pid in processes where pid != getpid() && hasVariable(pid, variable) {
                found = kill(pid, SIGKILL) == 0 || found
            }
            guard found else { return }
            usleep(1000)
        }
    }

    private static var processes: [Int32] {
        guard let folder = opendir("/proc") else { return [] }
        defer { closedir(folder) }
        var found: [Int32] = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let pid = Int32(name) { found.append(pid) }
        }
        return found
    }

    private static func hasVariable(_ pid: Int32, _ variable: String) -> Bool {
        let descriptor = open("/proc/\(pid)/environ", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while bytes.count < 1 << 22 {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        return bytes.split(separator: 0).contains { $0.elementsEqual(variable.utf8) }
    }
}
