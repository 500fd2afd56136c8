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

    /// A sentence with the reason and, where one is known, the remedy.
    public var description: String {
        let remedy =
            switch number {
            case EMFILE where operation == "inotify_init": " Raise fs.inotify.max_user_instances (sysctl)."
            case ENOSPC where operation == "inotify_add_watch": " Raise fs.inotify.max_user_watches (sysctl)."
            case ENOSPC, EDQUOT: " Free some space on that file system."
            case EACCES, EPERM: " Give the daemon's user access to it."
            case EROFS: " Mount it writable."
            case EMFILE, ENFILE: " Raise the limit of open files."
            case ENOENT: " It is not there."
            default: ""
            }
        return "\(path): \(operation) failed: \(String(cString: strerror(number))).\(remedy)"
    }

    /// Whether the place is at fault, not the job: it may work later, unaided.
    public var isTransient: Bool {
        [
            ENOSPC, EDQUOT, EIO, EROFS, EACCES, EPERM, EMFILE, ENFILE, ENOMEM, EINTR, EAGAIN, ESTALE,
            ENOTCONN, ETIMEDOUT,
        ].contains(number)
    }
}
