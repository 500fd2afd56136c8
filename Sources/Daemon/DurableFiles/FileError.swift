import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// A system call that a `FileError` is about. The raw value is the name of its manual page.
public enum SystemCall: String, Sendable {
    case access, chmod, fchmod, fchown, flock, fsync, ftruncate
    case inotifyAddWatch = "inotify_add_watch"
    case inotifyInit = "inotify_init"
    case link, lstat, mkdir, open, opendir, pipe
    case posixSpawn = "posix_spawn"
    case read, readdir, rename, rmdir, unlink, write
}

/// A system call on a file failed.
public struct FileError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The call.
    public let call: SystemCall
    /// The file.
    public let path: String
    /// The call's error.
    public let errno: Errno

    /// A failed call; by default its error is the one that errno has now.
    public init(_ call: SystemCall, _ path: String, _ errno: Errno = Errno(rawValue: Glibc.errno)) {
        self.call = call
        self.path = path
        self.errno = errno
    }

    /// The code of the failure that it becomes, `file.open`.
    public var code: String { "file.\(call.rawValue)" }

    /// What failed and why, without the path.
    public var reason: String { "\(call.rawValue) failed: \(String(cString: strerror(errno.rawValue)))" }

    /// What to do about it.
    public var remedy: String {
        switch call {
        case .inotifyInit, .inotifyAddWatch:
            "Raise fs.inotify.max_user_watches and max_user_instances (sysctl), or have it polled (watch: poll)."
        default: errnoRemedy
        }
    }

    private var errnoRemedy: String {
        switch errno {
        case .noSpace, .diskQuotaExceeded: "Free some space on that file system."
        case .permissionDenied, .notPermitted: "Give \(Self.user) access to it."
        case .readOnlyFileSystem:
            "Mount it writable; a service may write where ReadWritePaths= names it (`clipdragd add-inbox` does that)."
        case .tooManyOpenFiles, .tooManyOpenFilesInSystem: "Raise the limit of open files."
        case .noSuchFileOrDirectory where path.hasPrefix("/home/") && getenv("INVOCATION_ID") != nil:
            "Check the path; the service sees below /home only what BindPaths= names (`clipdragd add-inbox` does that)."
        case .noSuchFileOrDirectory, .notDirectory: "Check the path."
        case .isDirectory: "Give a file, not a folder."
        case .tooManySymbolicLinkLevels:
            "It is a symbolic link, which is not followed here; put there what it leads to."
        case .ioError: "The disk or its connection fails; see the kernel's log."
        default: "See \(call.rawValue)(2)."
        }
    }

    private static var user: String {
        getpwuid(getuid()).map { "the user \(String(cString: $0.pointee.pw_name))" } ?? "this user"
    }

    /// A sentence with the path, the reason and the remedy.
    public var description: String { "\(path): \(reason). \(remedy)" }

    /// Whether the file has gone, or someone has replaced it by a symbolic link, which the daemon does not follow.
    public var isOfChangedFile: Bool {
        errno == .noSuchFileOrDirectory || errno == .tooManySymbolicLinkLevels
    }

    /// Whether the place is at fault, not the job: the call may succeed later without help.
    public var isTransient: Bool {
        [
            .noSpace, .diskQuotaExceeded, .ioError, .readOnlyFileSystem, .permissionDenied, .notPermitted,
            .tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .interrupted,
            .resourceTemporarilyUnavailable, .staleNFSFileHandle,
            .socketNotConnected, .timedOut,
        ].contains(errno)
    }
}
