internal import CLinux
import JobFiles

#if canImport(Glibc)
    import Glibc
#endif

/// Binds an inbox to one living daemon: a kernel lock, gone with the process however it ends.
final class InboxLock {
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = open(PathCoding.cString(path), O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError("open", path) }
        guard cl_lock(descriptor) == 0 else {
            close(descriptor)
            throw JobFailure(
                code: "inbox.locked", message: "another clipdragd watches this inbox",
                file: parent(parent(path)),
                hint: "Stop it first, or give this one another inbox.", exit: .tryLater)
        }
    }

    deinit { close(descriptor) }
}
