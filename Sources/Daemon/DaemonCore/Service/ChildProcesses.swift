import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// The exit statuses of this process's children. Each part waits only for its own children.
///
/// As process 1 of a container the daemon inherits other processes, and has to collect their exit statuses.
enum ChildProcesses {
    private struct State {
        var own: Set<Int32> = []
        var ends: [Int32: Int32] = [:]
    }

    private static let state = Mutex(State())
    private static let inheritsOrphans = getpid() == 1

    /// Registers a child that a part waits for.
    static func expect(_ pid: Int32) { state.withLock { _ = $0.own.insert(pid) } }

    /// Takes a child's exit status, as of wait(2); nil while it lives.
    static func takeEnd(of pid: Int32) -> Int32? {
        collectOrphans()
        let known = state.withLock { $0.ends.removeValue(forKey: pid) }
        if let known { return known }
        var status: Int32 = 0
        guard waitpid(pid, &status, WNOHANG) > 0 else { return nil }
        state.withLock { _ = $0.own.remove(pid) }
        return status
    }

    /// Waits until a child ends.
    static func waitForEnd(of pid: Int32) {
        let known = state.withLock { state in
            state.own.remove(pid)
            return state.ends.removeValue(forKey: pid)
        }
        var status: Int32 = 0
        if known == nil { waitpid(pid, &status, 0) }
    }

    /// As process 1, collects the exit statuses of inherited processes.
    static func collectOrphans() {
        guard inheritsOrphans else { return }
        var status: Int32 = 0
        while true {
            let pid = waitpid(-1, &status, WNOHANG)
            guard pid > 0 else { return }
            state.withLock { state in
                if state.own.remove(pid) != nil { state.ends[pid] = status }
            }
        }
    }
}
