internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// The system calls on which `DurableFileSystem` is built. A change is durable only after a sync: of the file for its content, of
/// the folder for a name. In production these are the kernel's calls; in tests, those of a model that forgets unsynced changes.
public protocol FileCalls: Sendable {
    /// All bytes of a file.
    func read(_ path: String) throws(FileError) -> [UInt8]
    /// pread(2), until `count` bytes are there or the file ends.
    func read(_ path: String, from offset: Int, count: Int) throws(FileError) -> [UInt8]
    /// Entries of a folder except `.` and `..`, by name. A name may have any bytes, see `PathCoding`.
    func list(_ path: String) throws(FileError) -> [FileEntry]
    /// lstat(2); nil when the path does not exist.
    func status(_ path: String) throws(FileError) -> FileStatus?
    /// Whether a path leads to a folder, after following links.
    func isDirectory(_ path: String) -> Bool
    /// Whether some process has a file open for writing; nil where the system does not say.
    func isBeingWritten(_ path: String) -> Bool?
    /// open(2) of a file, which it makes if necessary, and empties; `exclusive`: an existing file is an error.
    func openToWrite(_ path: String, mode: Int, exclusive: Bool) throws(FileError) -> Int32
    /// open(2) at the end of a file, which it makes if necessary.
    func openToAppend(_ path: String, mode: Int) throws(FileError) -> Int32
    /// open(2) of a folder.
    func openDirectory(_ path: String) throws(FileError) -> Int32
    /// write(2). It may write only some of the bytes. Returns their number.
    func write(_ file: Int32, _ bytes: ArraySlice<UInt8>, _ path: String) throws(FileError) -> Int
    /// fchmod(2).
    func setMode(_ file: Int32, _ mode: Int, _ path: String) throws(FileError)
    /// chmod(2).
    func setMode(_ path: String, _ mode: Int) throws(FileError)
    /// fsync(2).
    func sync(_ file: Int32, _ path: String) throws(FileError)
    /// close(2).
    func close(_ file: Int32)
    /// mkdir(2).
    func makeDirectory(_ path: String) throws(FileError)
    /// rmdir(2).
    func removeDirectory(_ path: String) throws(FileError)
    /// unlink(2).
    func unlink(_ path: String) throws(FileError)
    /// link(2), not following a symbolic link.
    func link(_ from: String, to: String) throws(FileError)
    /// rename(2). Unless `replacing`, an existing target is the error EEXIST.
    func rename(_ from: String, to: String, replacing: Bool) throws(FileError)
}

/// The kernel's calls.
public struct KernelCalls: FileCalls {
    /// Flags of every open(2) of a file.
    private let common: Int32

    /// - Parameter followingLinks: whether a symbolic link may lead to a file. Use false in folders that strangers can change:
    ///   after the check of a file's status, someone may replace it by a link, or by a pipe (which then reads as empty).
    public init(followingLinks: Bool = true) {
        common = O_CLOEXEC | (followingLinks ? 0 : O_NOFOLLOW | O_NONBLOCK)
    }

    public func read(_ path: String) throws(FileError) -> [UInt8] {
        let descriptor = open(raw(path), O_RDONLY | common)
        guard descriptor >= 0 else { throw FileError(.open, path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError(.read, path)
            }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    public func read(_ path: String, from offset: Int, count: Int) throws(FileError) -> [UInt8] {
        let descriptor = open(raw(path), O_RDONLY | common)
        guard descriptor >= 0 else { throw FileError(.open, path) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: count)
        var filled = 0
        while filled < count {
            let got = bytes.withUnsafeMutableBytes {
                pread(descriptor, $0.baseAddress.map { $0 + filled }, count - filled, off_t(offset + filled))
            }
            if got < 0 {
                if errno == EINTR { continue }
                throw FileError(.read, path)
            }
            if got == 0 { break }
            filled += got
        }
        bytes.removeLast(count - filled)
        return bytes
    }

    public func list(_ path: String) throws(FileError) -> [FileEntry] {
        guard let directory = opendir(raw(path)) else { throw FileError(.opendir, path) }
        defer { closedir(directory) }
        var entries: [FileEntry] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                guard errno == 0 else { throw FileError(.readdir, path) }
                break
            }
            let name = withUnsafeBytes(of: entry.pointee.d_name) { PathCoding.text($0.prefix { $0 != 0 }) }
            if name == "." || name == ".." { continue }
            let kind: FileStatus.Kind
            switch Int(entry.pointee.d_type) {
            case Int(DT_REG): kind = .file
            case Int(DT_DIR): kind = .directory
            case Int(DT_LNK): kind = .symbolicLink
            default: kind = (try status("\(path)/\(name)"))?.kind ?? .other
            }
            entries.append(FileEntry(name: name, kind: kind))
        }
        return entries.sorted { $0.name < $1.name }
    }

    public func status(_ path: String) throws(FileError) -> FileStatus? {
        var found = stat()
        guard lstat(raw(path), &found) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw FileError(.lstat, path)
        }
        let kind: FileStatus.Kind
        switch found.st_mode & S_IFMT {
        case S_IFREG: kind = .file
        case S_IFDIR: kind = .directory
        case S_IFLNK: kind = .symbolicLink
        default: kind = .other
        }
        return FileStatus(
            kind: kind, size: Int(found.st_size),
            modified: Double(found.st_mtim.tv_sec) + Double(found.st_mtim.tv_nsec) / 1e9,
            changed: Double(found.st_ctim.tv_sec) + Double(found.st_ctim.tv_nsec) / 1e9,
            device: UInt64(found.st_dev),
            inode: UInt64(found.st_ino), links: Int(found.st_nlink))
    }

    public func isDirectory(_ path: String) -> Bool {
        var found = stat()
        return stat(raw(path), &found) == 0 && found.st_mode & S_IFMT == S_IFDIR
    }

    public func isBeingWritten(_ path: String) -> Bool? {
        switch cl_is_being_written(raw(path)) {
        case 0: false
        case 1: true
        default: nil
        }
    }

    public func openToWrite(_ path: String, mode: Int, exclusive: Bool) throws(FileError) -> Int32 {
        let flags = O_WRONLY | O_CREAT | common | (exclusive ? O_EXCL : O_TRUNC)
        let descriptor = open(raw(path), flags, mode_t(mode))
        guard descriptor >= 0 else { throw FileError(.open, path) }
        return descriptor
    }

    public func openToAppend(_ path: String, mode: Int) throws(FileError) -> Int32 {
        let descriptor = open(raw(path), O_WRONLY | O_CREAT | O_APPEND | common, mode_t(mode))
        guard descriptor >= 0 else { throw FileError(.open, path) }
        return descriptor
    }

    public func openDirectory(_ path: String) throws(FileError) -> Int32 {
        let descriptor = open(raw(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError(.open, path) }
        return descriptor
    }

    public func write(_ file: Int32, _ bytes: ArraySlice<UInt8>, _ path: String) throws(FileError) -> Int {
        let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        guard count >= 0 else { throw FileError(.write, path) }
        return count
    }

    public func setMode(_ file: Int32, _ mode: Int, _ path: String) throws(FileError) {
        guard fchmod(file, mode_t(mode)) == 0 else { throw FileError(.fchmod, path) }
    }

    public func setMode(_ path: String, _ mode: Int) throws(FileError) {
        guard chmod(raw(path), mode_t(mode)) == 0 else { throw FileError(.chmod, path) }
    }

    public func sync(_ file: Int32, _ path: String) throws(FileError) {
        guard fsync(file) == 0 else { throw FileError(.fsync, path) }
    }

    public func close(_ file: Int32) { Glibc.close(file) }

    public func makeDirectory(_ path: String) throws(FileError) {
        guard mkdir(raw(path), 0o755) == 0 else { throw FileError(.mkdir, path) }
    }

    public func removeDirectory(_ path: String) throws(FileError) {
        guard rmdir(raw(path)) == 0 else { throw FileError(.rmdir, path) }
    }

    public func unlink(_ path: String) throws(FileError) {
        guard Glibc.unlink(raw(path)) == 0 else { throw FileError(.unlink, path) }
    }

    public func link(_ from: String, to: String) throws(FileError) {
        guard linkat(AT_FDCWD, raw(from), AT_FDCWD, raw(to), 0) == 0 else { throw FileError(.link, to) }
    }

    public func rename(_ from: String, to: String, replacing: Bool) throws(FileError) {
        let result = replacing ? Glibc.rename(raw(from), raw(to)) : cl_rename_no_replace(raw(from), raw(to))
        guard result == 0 else { throw FileError(.rename, replacing ? from : to) }
    }
}

/// A path for the kernel.
private func raw(_ path: String) -> [CChar] { PathCoding.cString(path) }
