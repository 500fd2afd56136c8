import SystemPackage
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// Binds a folder to one living process: a kernel lock on the folder itself, which ends with the process.
public final class FolderLock {
    private let descriptor: Int32

    /// - Throws: `EWOULDBLOCK` when another process holds it.
    public init(_ folder: String) throws(FileError) {
        let opened = open(PathCoding.cString(folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw FileError(.open, folder) }
        guard cl_lock(opened) == 0 else {
            let number = Errno(rawValue: errno)
            close(opened)
            throw FileError(.flock, folder, number)
        }
        descriptor = opened
    }

    deinit { close(descriptor) }
}
