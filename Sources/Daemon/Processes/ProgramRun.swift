import DurableFiles
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// Runs a program to its end. The program dies with the thread that runs it.
///
/// It does not use Foundation's `Process`, whose `waitUntilExit` was seen to wait for ever for a child that had ended.
public enum ProgramRun {
    /// How a program ends, as wait(2) reports it, and the first MiB that it prints on standard output; nil when it cannot be
    /// run.
    public static func run(_ words: [String]) -> (status: Int32, output: [UInt8])? {
        guard let child = start(words, environment: nil, errors: 0) else { return nil }
        var bytes: [UInt8] = []
        child.forEachPiece { bytes += $0.prefix(max(0, (1 << 20) - bytes.count)) }
        return (child.wait(), bytes)
    }

    /// Runs a program and passes its standard output on, piece by piece, as fast as the receiver takes it.
    ///
    /// - Parameters:
    ///   - words: its path and its arguments.
    ///   - environment: its whole environment, `NAME=VALUE`.
    ///   - receive: takes the next bytes; an error that it throws kills the program.
    /// - Returns: its status, as wait(2) reports it, and its standard error (at least the first 64 KiB); nil when it cannot be run.
    /// - Throws: what `receive` throws.
    public static func run<E: Error>(
        _ words: [String], environment: [String], receive: (ArraySlice<UInt8>) throws(E) -> Void
    ) throws(E) -> (status: Int32, errors: [UInt8])? {
        guard let errors = Pipe() else { return nil }
        defer { errors.close() }
        // A program that prints more than fits into the pipe loses the rest instead of waiting for a reader.
        _ = fcntl(errors.writing, F_SETFL, O_NONBLOCK)
        _ = fcntl(errors.reading, F_SETFL, O_NONBLOCK)
        guard let child = start(words, environment: environment, errors: errors.writing) else { return nil }
        do {
            try child.forEachPiece(receive)
        } catch {
            kill(child.pid, SIGKILL)
            _ = child.wait()
            throw error
        }
        let status = child.wait()
        var printed: [UInt8] = []
        forEachPiece(errors.reading) { printed += $0 }
        return (status, printed)
    }

    /// The path of a program in PATH; nil where no folder of PATH has it.
    public static func path(of name: String) -> String? {
        let folders = getenv("PATH").map { String(cString: $0) } ?? "/usr/bin:/bin"
        return folders.split(separator: ":").map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
    }

    // MARK: children

    struct Child {
        let pid: Int32
        let output: Int32

        func forEachPiece<E: Error>(_ receive: (ArraySlice<UInt8>) throws(E) -> Void) throws(E) {
            defer { close(output) }
            try ProgramRun.forEachPiece(output, receive)
        }

        func wait() -> Int32 {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
            return status
        }
    }

    struct Pipe {
        let reading, writing: Int32

        init?() {
            var ends: [Int32] = [0, 0]
            guard pipe(&ends) == 0 else { return nil }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            (reading, writing) = (ends[0], ends[1])
        }

        func close() {
            Glibc.close(reading)
            Glibc.close(writing)
        }
    }

    static func start(_ words: [String], environment: [String]?, errors: Int32) -> Child? {
        guard let output = Pipe() else { return nil }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup(PathCoding.cString($0)) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = (environment ?? []).map { strdup($0) } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        let pid = arguments.withUnsafeMutableBufferPointer { arguments in
            variables.withUnsafeMutableBufferPointer { variables in
                cl_spawn_bound(
                    words[0], arguments.baseAddress, environment == nil ? nil : variables.baseAddress,
                    output.writing, errors)
            }
        }
        close(output.writing)
        guard pid > 0 else {
            close(output.reading)
            return nil
        }
        return Child(pid: pid, output: output.reading)
    }

    /// Reads a descriptor to its end; of a non-blocking one, the waiting bytes.
    private static func forEachPiece<E: Error>(
        _ descriptor: Int32, _ receive: (ArraySlice<UInt8>) throws(E) -> Void
    ) throws(E) {
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else { return }
            try receive(chunk[..<count])
        }
    }
}
