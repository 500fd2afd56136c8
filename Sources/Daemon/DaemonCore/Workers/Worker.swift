internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// What a worker does for its daemon's sake.
public enum Worker {
    /// Makes the kernel kill this process when its daemon dies, so that no claim outlives it. A daemon that died before
    /// this call left the worker to another parent: then it ends at once.
    public static func dieWithDaemon() {
        let parent = getppid()
        _ = cl_die_with_parent()
        if getppid() != parent || parent == 1 && getpid() != 1 && getsid(0) != getsid(1) { exit(75) }
    }
}
