internal import CLinux
import Foundation

#if canImport(Glibc)
    import Glibc
#endif

/// The real file system.
public struct PosixFileSystem: FileSystem {
    /// The real file system; it has no state.
    public init() {}

    public func read(_ path: String) throws(FileError) -> [UInt8] {
        let descriptor = open(raw(path), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError("open", path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(descriptor, &chunk, chunk.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError("read", path)
            }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
    }

    public func create(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError) {
        try write(path, bytes, mode: mode, flags: O_EXCL)
        try syncDirectory(parent(path))
    }

    public func replace(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError) {
        let temporary = "\(parent(path))/.\(lastComponent(path)).\(getpid()).tmp"
        do throws(FileError) {
            try write(temporary, bytes, mode: mode, flags: O_TRUNC)
            guard Glibc.rename(raw(temporary), raw(path)) == 0 else { throw FileError("rename", path) }
        } catch {
            unlink(raw(temporary))
            throw error
        }
        try syncDirectory(parent(path))
    }

    private func write(_ path: String, _ bytes: [UInt8], mode: Int, flags: Int32) throws(FileError) {
        let descriptor = open(raw(path), O_WRONLY | O_CREAT | O_CLOEXEC | flags, mode_t(mode))
        guard descriptor >= 0 else { throw FileError("open", path) }
        defer { close(descriptor) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress.map { $0 + written }, bytes.count - written)
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw FileError("write", path)
            }
            written += count
        }
        guard fchmod(descriptor, mode_t(mode)) == 0 else { throw FileError("fchmod", path) }
        guard fsync(descriptor) == 0 else { throw FileError("fsync", path) }
    }

    public func createDirectory(_ path: String) throws(FileError) {
        if mkdir(raw(path), 0o755) == 0 {
            try syncDirectory(parent(path))
            return
        }
        if errno == EEXIST {
            var found = stat()
            guard stat(raw(path), &found) == 0, found.st_mode & S_IFMT == S_IFDIR else {
                throw FileError("mkdir", path, ENOTDIR)
            }
            return
        }
        guard errno == ENOENT, parent(path) != path else { throw FileError("mkdir", path) }
        try createDirectory(parent(path))
        guard mkdir(raw(path), 0o755) == 0 || errno == EEXIST else { throw FileError("mkdir", path) }
        try syncDirectory(parent(path))
    }

    public func list(_ path: String) throws(FileError) -> [FileEntry] {
        guard let directory = opendir(raw(path)) else { throw FileError("opendir", path) }
        defer { closedir(directory) }
        var entries: [FileEntry] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                guard errno == 0 else { throw FileError("readdir", path) }
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
            throw FileError("lstat", path)
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

    public func rename(_ from: String, to: String) throws(FileError) {
        guard cl_rename_no_replace(raw(from), raw(to)) == 0 else { throw FileError("rename", to) }
        try syncDirectory(parent(to))
        if parent(from) != parent(to) { try syncDirectory(parent(from)) }
    }

    public func linkOrCopy(_ from: String, to: String) throws(FileError) {
        if linkat(AT_FDCWD, raw(from), AT_FDCWD, raw(to), 0) == 0 {
            try syncDirectory(parent(to))
            return
        }
        guard [EXDEV, EPERM, EMLINK, EOPNOTSUPP].contains(errno) else { throw FileError("link", to) }
        try copy(from, to: to)
    }

    public func remove(_ path: String) throws(FileError) {
        guard unlink(raw(path)) == 0 || errno == ENOENT else { throw FileError("unlink", path) }
        try syncDirectory(parent(path))
    }

    public func removeTree(_ path: String) throws(FileError) {
        guard let found = try status(path) else { return }
        guard found.kind == .directory else {
            try remove(path)
            return
        }
        for entry in try list(path) { try removeTree("\(path)/\(entry.name)") }
        guard rmdir(raw(path)) == 0 || errno == ENOENT else { throw FileError("rmdir", path) }
        try syncDirectory(parent(path))
    }

    public func isBeingWritten(_ path: String) -> Bool? {
        switch cl_is_being_written(raw(path)) {
        case 0: false
        case 1: true
        default: nil
        }
    }

    public func setMode(_ path: String, _ mode: Int) throws(FileError) {
        guard chmod(raw(path), mode_t(mode)) == 0 else { throw FileError("chmod", path) }
    }

    public func syncDirectory(_ path: String) throws(FileError) {
        let descriptor = open(raw(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileError("open", path) }
        defer { close(descriptor) }
        // Some network file systems cannot sync a folder and say EINVAL; there is nothing more to be done there.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw FileError("fsync", path) }
    }
}

/// A path as the kernel takes it.
private func raw(_ path: String) -> [CChar] { PathCoding.cString(path) }

/// The folder of a path.
public func parent(_ path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

/// The last component of a path.
public func lastComponent(_ path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
}

/// A file name without its last extension.
public func stem(_ name: String) -> String {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return name }
    return String(name[..<dot])
}

/// The last extension of a file name, in lower case.
public func fileExtension(_ name: String) -> String {
    guard let dot = name.lastIndex(of: "."), dot != name.startIndex else { return "" }
    return name[name.index(after: dot)...].lowercased()
}
