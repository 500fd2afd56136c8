import DurableFiles
import Failures
import Foundation
import JobFiles
import Processes
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// The sandbox of a worker (Landlock). Inside, a worker reads the program, its model and its job, and writes into the job's
/// folder; it opens no socket and reaches no other process. A hostile picture that exploits a decoder gains no more.
public struct Sandbox: Sendable, Equatable {
    /// Folders and files to read.
    public var readable: [String]
    /// Folders and files to read and run programs from.
    public var executable: [String]
    /// Folders to write in.
    public var writable: [String]

    /// The environment variable that marks a program inside the sandbox.
    private static let marker = "CLIPDRAGD_SANDBOXED"

    /// What every worker reads besides: programs, libraries, /proc, and devices such as /dev/urandom. Neither home folders nor
    /// the rest of /etc.
    private static let system = (
        readable: [
            "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime", "/etc/passwd", "/etc/group",
            "/etc/nsswitch.conf", "/proc", "/sys/devices/system", "/dev/urandom", "/dev/zero",
        ],
        executable: ["/usr", "/lib", "/lib64", "/bin"],
        writable: ["/dev/null"]
    )

    /// A sandbox of these folders and the system's own.
    ///
    /// - Parameter runsPrograms: whether the configuration has programs run inside; these may read anything.
    public init(readable: [String], writable: [String], runsPrograms: Bool = false) {
        self.readable = readable + Self.system.readable
        executable = Self.system.executable + Self.ownFiles() + (runsPrograms ? ["/"] : [])
        self.writable = writable + Self.system.writable
    }

    /// Whether this process runs inside a sandbox already.
    public static var isInside: Bool { getenv(marker) != nil }

    /// Why this kernel has no sandbox; nil if it has one.
    public static var whyUnavailable: String? {
        cl_landlock_version() > 0 ? nil : String(cString: strerror(errno))
    }

    /// Restricts this process for good and executes its program again inside the sandbox, because the restriction does not
    /// reach threads that libraries have already started. Returns at once in the program executed again.
    ///
    /// - Throws: `worker.sandbox` when the kernel has Landlock but refuses.
    public func enter() throws(Failure) {
        guard !Self.isInside else { return }
        // A kernel without Landlock: the daemon has logged that at its start.
        if Self.whyUnavailable == nil { try denyFiles() }
        guard cl_deny_sockets() == 0 || errno == ENOSYS || errno == EINVAL else {
            throw Self.failure("seccomp")
        }
        setenv(Self.marker, "1", 1)
        var words: [UnsafeMutablePointer<CChar>?] = CommandLine.rawArguments.map {
            strdup(PathCoding.cString($0))
        }
        words.append(nil)
        execv(Self.program, words)
        throw Self.failure("execv")
    }

    private func denyFiles() throws(Failure) {
        let allowed =
            readable.map { ($0, CL_READ) } + executable.map { ($0, CL_EXECUTE) }
            + writable.map { ($0, CL_WRITE) }
        let paths = allowed.map { strdup(PathCoding.cString($0.0)) }
        defer { for path in paths { free(path) } }
        let rules = zip(paths, allowed).map { cl_path_access(path: $0, access: $1.1) }
        guard cl_landlock(rules, Int32(rules.count)) == 0 else { throw Self.failure("landlock") }
    }

    /// The program and the folders of its libraries, which may lie anywhere: in a checkout, for example.
    private static func ownFiles() -> [String] {
        let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        let files = maps.split(separator: "\n").compactMap { line in
            line.firstIndex(of: "/").map { String(line[$0...]) }
        }
        return [program] + Set(files.filter { $0.contains(".so") }.map(parent)).sorted()
    }

    /// This program's file, under its own name for process lists.
    private static var program: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/proc/self/exe"
    }

    private static func failure(_ call: String) -> Failure {
        Failure(
            .workerStopped, code: "worker.sandbox",
            message: "the worker could not enter its sandbox: \(call): \(String(cString: strerror(errno)))",
            hint: "See “The worker's sandbox” in docs/operations.md.")
    }
}
