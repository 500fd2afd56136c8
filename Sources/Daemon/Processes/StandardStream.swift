internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// The standard streams of a process.
public enum StandardStream: Int32, Sendable {
    case output = 1
    case errors = 2

    /// Sets the process up. A program calls this first. Standard output is then line-buffered, for a pipe too, and the exit does not
    /// wait for libraries.
    public static func setUpProcess() { cl_set_up_process() }

    /// Writes a text, and ignores errors: a full disk or a reader that has gone must not end the program, as
    /// `FileHandle.write` would.
    public func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
