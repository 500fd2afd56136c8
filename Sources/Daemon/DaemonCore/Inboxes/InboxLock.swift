import DurableFiles
import Failures
import JobFiles
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// Binds an inbox to one living daemon: a kernel lock, which ends with the process.
final class InboxLock {
    /// A part of the IDs of this inbox's jobs. The locked file holds it, so that it moves with the inbox.
    let mark: String
    private let descriptor: Int32

    init(_ path: String) throws {
        descriptor = open(PathCoding.cString(path), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw FileError(.open, path) }
        guard cl_lock(descriptor) == 0 else {
            close(descriptor)
            throw Failure(
                .tryLater, code: "inbox.locked", message: "another clipdragd watches this inbox",
                file: parent(parent(path)),
                hint: "Stop it first, or give this one another inbox.")
        }
        do throws(FileError) { mark = try Self.mark(path, descriptor) } catch {
            close(descriptor)
            throw error
        }
    }

    private static func mark(_ path: String, _ descriptor: Int32) throws(FileError) -> String {
        let files = PosixFileSystem()
        let kept = String(decoding: try files.read(path), as: UTF8.self)
        if JobID.isMark(kept) { return kept }
        let fresh = JobID.letters()
        guard ftruncate(descriptor, 0) == 0 else { throw FileError(.ftruncate, path) }
        try files.append(path, Array(fresh.utf8), mode: 0o644)
        try files.syncFile(path)
        return fresh
    }

    deinit { close(descriptor) }
}
