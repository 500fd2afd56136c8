import DurableFiles

#if canImport(Glibc)
    import Glibc
#endif

/// What is wrong with a program's file. The kernel's answer misleads: it says that the program is not there when the interpreter
/// in the program's first line is not.
public enum ProgramFile {
    /// What keeps the file from running; nil when nothing shows.
    public static func fault(_ path: String) -> String? {
        guard access(PathCoding.cString(path), X_OK) == 0 else { return String(cString: strerror(errno)) }
        let files = PosixFileSystem()
        guard (try? files.status(PathCoding.resolved(path) ?? path))?.kind != .directory else {
            return String(cString: strerror(EISDIR))
        }
        // A program need not be readable.
        guard let start = try? files.read(path, from: 0, count: 256) else { return nil }
        guard start.starts(with: Array("#!".utf8)) else {
            return isBinary(start) || hasOtherFormats ? nil : noProgram
        }
        let line = start.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }
        if line.last == UInt8(ascii: "\r") {
            return
                "its lines end as on Windows (CR LF), and the CR counts as part of its interpreter's name. Convert it: sed -i 's/\\r$//' '\(path)'"
        }
        let spaces = [UInt8(ascii: " "), UInt8(ascii: "\t")]
        let interpreter = PathCoding.text(line.drop(while: spaces.contains).prefix { !spaces.contains($0) })
        guard access(PathCoding.cString(interpreter), X_OK) != 0 else { return nil }
        return "its first line names the interpreter \(interpreter): \(String(cString: strerror(errno)))"
    }

    private static let noProgram = "it has no first line `#!INTERPRETER`, and is no program of this machine"

    /// Whether a file begins as a program that this kernel runs: in the ELF format, for the machine of this program or its
    /// 32-bit predecessor.
    private static func isBinary(_ start: [UInt8]) -> Bool {
        /// The format and the machine (`e_machine`, at offset 18).
        func format(_ bytes: [UInt8]) -> [UInt8] { Array(bytes.prefix(4)) + bytes.dropFirst(18).prefix(2) }
        guard start.starts(with: [0x7f] + Array("ELF".utf8)), start.count >= 20 else { return false }
        guard let own = try? PosixFileSystem().read("/proc/self/exe", from: 0, count: 20) else { return true }
        let isPredecessor =
            start[4] == 1 && own[4] == 2 && [[3, 0], [40, 0]].contains(Array(start[18..<20]))
        return format(start) == format(own) || isPredecessor
    }

    /// Whether the kernel has been told of further formats of programs (binfmt_misc).
    private static var hasOtherFormats: Bool {
        let entries = (try? PosixFileSystem().list("/proc/sys/fs/binfmt_misc")) ?? []
        return entries.contains { !["register", "status"].contains($0.name) }
    }

    /// Why the kernel has refused to run the file.
    public static func reason(_ path: String, errno number: Int32) -> String {
        if let fault = fault(path) { return fault }
        switch number {
        case ENOEXEC: return noProgram
        case ENOENT:
            return "it is there, but the loader that it names is not: it was built for another system"
        default: return String(cString: strerror(number))
        }
    }
}
