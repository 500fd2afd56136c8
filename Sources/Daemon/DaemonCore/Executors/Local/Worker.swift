internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// What a worker does for its daemon's sake.
public enum Worker {
    /// The environment variable in which a daemon tells its workers who it is.
    static let daemonVariable = "CLIPDRAGD_DAEMON_PID"

    /// Makes the kernel kill this process when its daemon dies, so that no claim outlives it. A daemon that died before
    /// this call left the worker to another parent: then it ends at once.
    public static func dieWithDaemon() {
        _ = cl_die_with_parent()
        guard let text = getenv(daemonVariable), let daemon = Int32(String(cString: text)) else { return }
        if getppid() != daemon { exit(75) }
    }
}
