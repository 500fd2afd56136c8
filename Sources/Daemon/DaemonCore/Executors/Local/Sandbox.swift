import DurableFiles
import Failures
import Foundation
import JobFiles
import Processes
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// What a worker may still do once it has locked itself in: read the program, its model and its job, write into the job's
/// folder. No socket, no other process. A picture that takes a decoder over gains no more than that.
public struct Sandbox: Sendable, Equatable {
    /// Folders and files to read.
    public var readable: [String]
    /// Folders and files to read and run programs from.
    public var executable: [String]
    /// Folders to write in.
    public var writable: [String]

    /// The environment variable that tells a program that it is inside.
    private static let marker = "CLIPDRAGD_SANDBOXED"

    /// What every worker needs besides: programs and libraries, what the kernel tells of itself, the sources of nothing
    /// and of random bytes. Not people's folders, nor the rest of /etc.
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
    /// - Parameter runsPrograms: whether programs of the configuration's choice are run inside, which may read anything.
    public init(readable: [String], writable: [String], runsPrograms: Bool = false) {
        self.readable = readable + Self.system.readable
        executable = Self.system.executable + Self.ownFiles() + (runsPrograms ? ["/"] : [])
        self.writable = writable + Self.system.writable
    }

    /// Why this kernel cannot lock workers in; nil where it can.
    public static var whyUnavailable: String? {
        cl_landlock_version() > 0 ? nil : String(cString: strerror(errno))
    }

    /// Locks this process in for good and starts its program anew inside: threads that libraries have started before now
    /// would be left out. Returns at once in the program started anew.
    ///
    /// - Throws: `worker.sandbox` when the kernel has what it takes and refuses all the same.
    public func enter() throws(Failure) {
        guard getenv(Self.marker) == nil else { return }
        // A kernel without Landlock: the daemon has said so at its start.
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

    /// Folders of the libraries that this process runs on, and its program: a build in a checkout has them anywhere.
    private static func ownFiles() -> [String] {
        let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
        let files = maps.split(separator: "\n").compactMap { line in
            line.firstIndex(of: "/").map { String(line[$0...]) }
        }
        return [program] + Set(files.filter { $0.contains(".so") }.map(parent)).sorted()
    }

    /// This program's file; by its own name, so that process lists show that.
    private static var program: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/proc/self/exe"
    }

    private static func failure(_ call: String) -> Failure {
        Failure(
            .workerStopped, code: "worker.sandbox",
            message: "the worker could not lock itself in: \(call): \(String(cString: strerror(errno)))",
            hint: "See “The worker's sandbox” in docs/operations.md.")
    }
}
