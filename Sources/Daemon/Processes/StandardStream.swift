internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// Where a process tells what it does.
public enum StandardStream: Int32, Sendable {
    case output = 1
    case errors = 2

    /// To be called first by a program: its lines go out as they come, into a pipe too, and its end waits for no library.
    public static func setUpProcess() { cl_set_up_process() }

    /// Tells it, as far as someone listens: a log on a full disk or a reader that has gone must not end the one who speaks.
    /// (`FileHandle.write` traps then.)
    public func tell(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(rawValue, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
