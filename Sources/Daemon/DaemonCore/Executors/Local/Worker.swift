internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// The worker's tie to its daemon.
public enum Worker {
    /// The environment variable with the daemon's process ID.
    static let daemonVariable = "CLIPDRAGD_DAEMON_PID"

    /// Makes the kernel kill this process when its daemon dies, so that no claim outlives it. If the daemon
    /// has died already, the worker has another parent and ends at once.
    public static func dieWithDaemon() {
        _ = cl_die_with_parent()
        guard let text = getenv(daemonVariable), let daemon = Int32(String(cString: text)) else { return }
        if getppid() != daemon { exit(75) }
    }
}
