import DurableFiles
import Processes
import ServiceConfiguration

#if canImport(Glibc)
    import Glibc
#endif

/// The programs and files that a configuration names, as far as this user cannot run or read them.
public enum ConfiguredPrograms {
    /// What is at fault, and why.
    public typealias Fault = (what: String, why: String)

    /// The hook, the captioners' programs and the vocabulary that cannot be used. The hook may be a socket.
    public static func faults(_ configuration: Configuration) -> [Fault] {
        var faults: [Fault] = []
        if let hook = configuration.hook, !isSocket(hook), let why = ProgramFile.fault(hook) {
            let program = hook.split(separator: " ").first.map(String.init) ?? hook
            let hasWords = program != hook && ProgramFile.fault(program) == nil
            faults.append(("hook", "\(hook): \(hasWords ? "a hook takes no arguments; name a script" : why)"))
        }
        if let vocabulary = configuration.captions.vocabulary,
            access(PathCoding.cString(vocabulary), R_OK) != 0
        {
            faults.append(("vocabulary", "\(vocabulary): \(String(cString: strerror(errno)))"))
        }
        for case .command(let words, _) in configuration.captions.captioners {
            if let why = ProgramFile.fault(words[0]) { faults.append(("captioner", "\(words[0]): \(why)")) }
        }
        return faults
    }

    private static func isSocket(_ path: String) -> Bool {
        (try? PosixFileSystem().status(path))?.kind == .other
    }
}
