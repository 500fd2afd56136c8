#if canImport(Glibc)
    import Glibc
#endif

/// A system call on a file failed.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The call, as its manual page is named.
    public let operation: String
    /// The file.
    public let path: String
    /// Why.
    public let number: Int32

    /// A failed call.
    public init(_ operation: String, _ path: String, _ number: Int32 = errno) {
        self.operation = operation
        self.path = path
        self.number = number
    }

    /// What failed and why, without the path.
    public var reason: String { "\(operation) failed: \(String(cString: strerror(number)))" }

    /// What to do about it.
    public var remedy: String {
        if operation.hasPrefix("inotify") {
            return
                "Raise fs.inotify.max_user_watches and max_user_instances (sysctl), or have it polled (watch: poll)."
        }
        return switch number {
        case ENOSPC, EDQUOT: "Free some space on that file system."
        case EACCES, EPERM: "Give \(Self.user) access to it."
        case EROFS:
            "Mount it writable; a service may write where ReadWritePaths= names it (`clipdragd add-inbox` does that)."
        case EMFILE, ENFILE: "Raise the limit of open files."
        case ENOENT where path.hasPrefix("/home/") && getenv("INVOCATION_ID") != nil:
            "Check the path; the service sees below /home only what BindPaths= names (`clipdragd add-inbox` does that)."
        case ENOENT, ENOTDIR: "Check the path."
        case EISDIR: "Give a file, not a folder."
        case ELOOP: "It is a symbolic link, which is not followed here; put there what it leads to."
        case EIO: "The disk or its connection fails; see the kernel's log."
        default: "See \(operation)(2)."
        }
    }

    private static var user: String {
        getpwuid(getuid()).map { "the user \(String(cString: $0.pointee.pw_name))" } ?? "this user"
    }

    /// A sentence with the path, the reason and the remedy.
    public var description: String { "\(path): \(reason). \(remedy)" }

    /// Whether the place is at fault, not the job: it may work later, unaided.
    public var isTransient: Bool {
        [
            ENOSPC, EDQUOT, EIO, EROFS, EACCES, EPERM, EMFILE, ENFILE, ENOMEM, EINTR, EAGAIN, ESTALE,
            ENOTCONN, ETIMEDOUT,
        ].contains(number)
    }
}
