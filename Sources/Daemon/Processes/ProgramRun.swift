import DurableFiles
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// A program that is run to its end. Not by Foundation's `Process`, whose `waitUntilExit` was seen to wait for ever for a
/// child that had ended.
public enum ProgramRun {
    /// What it prints on standard output; nil when it cannot be run or fails.
    ///
    /// - Parameter words: its path and its arguments.
    public static func output(of words: [String]) -> [UInt8]? {
        run(words).flatMap { $0.status == 0 ? $0.output : nil }
    }

    /// How it ends, as wait(2) has it, and what it prints on standard output; nil when it cannot be run.
    public static func run(_ words: [String]) -> (status: Int32, output: [UInt8])? {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup(PathCoding.cString($0)) }
        pointers.append(nil)
        let pid = cl_spawn_in_group(words[0], pointers, "/dev/null", ends[1])
        for pointer in pointers { free(pointer) }
        close(ends[1])
        defer { close(ends[0]) }
        guard pid > 0 else { return nil }
        var (bytes, chunk) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
        while true {
            let count = read(ends[0], &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { break }
            bytes += chunk[..<count]
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return (status, bytes)
    }
}
