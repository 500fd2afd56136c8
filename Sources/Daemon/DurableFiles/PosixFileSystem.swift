import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// The real file system.
public typealias PosixFileSystem = DurableFileSystem<KernelCalls>

extension DurableFileSystem<KernelCalls> {
    /// The real file system.
    public init(followingLinks: Bool = true) { self.init(KernelCalls(followingLinks: followingLinks)) }
}

/// Keeps the promises of `FileSystem` with calls that promise nothing.
public struct DurableFileSystem<Calls: FileCalls>: FileSystem {
    private let calls: Calls

    /// A file system on some calls: the kernel's, or a model's.
    public init(_ calls: Calls) { self.calls = calls }

    public func read(_ path: String) throws(FileError) -> [UInt8] { try calls.read(path) }
    public func read(_ path: String, from offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try calls.read(path, from: offset, count: count)
    }
    public func list(_ path: String) throws(FileError) -> [FileEntry] { try calls.list(path) }
    public func status(_ path: String) throws(FileError) -> FileStatus? { try calls.status(path) }
    public func isBeingWritten(_ path: String) -> Bool? { calls.isBeingWritten(path) }
    public func setMode(_ path: String, _ mode: Int) throws(FileError) { try calls.setMode(path, mode) }

    public func create(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError) {
        try write(path, bytes, mode: mode, exclusive: true)
        try syncDirectory(parent(path))
    }

    public func replace(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError) {
        let temporary = "\(parent(path))/\(fileName(".", lastComponent(path), ".\(getpid()).tmp"))"
        do throws(FileError) {
            try write(temporary, bytes, mode: mode, exclusive: false)
            try calls.rename(temporary, to: path, replacing: true)
        } catch {
            try? calls.unlink(temporary)
            throw error
        }
        try syncDirectory(parent(path))
    }

    public func append(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError) {
        let file = try calls.openToAppend(path, mode: mode)
        defer { calls.close(file) }
        try write(file, bytes, path)
    }

    public func syncFile(_ path: String) throws(FileError) {
        let file = try calls.openToAppend(path, mode: 0o644)
        defer { calls.close(file) }
        try calls.sync(file, path)
        try syncDirectory(parent(path))
    }

    private func write(_ path: String, _ bytes: [UInt8], mode: Int, exclusive: Bool) throws(FileError) {
        let file = try calls.openToWrite(path, mode: mode, exclusive: exclusive)
        defer { calls.close(file) }
        try write(file, bytes, path)
        try calls.setMode(file, mode, path)
        try calls.sync(file, path)
    }

    private func write(_ file: Int32, _ bytes: [UInt8], _ path: String) throws(FileError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            do { rest = rest.dropFirst(try calls.write(file, rest, path)) } catch {
                guard error.errno == .interrupted else { throw error }
            }
        }
    }

    public func createDirectory(_ path: String) throws(FileError) {
        do { try calls.makeDirectory(path) } catch {
            switch error.errno {
            case .fileExists:
                guard calls.isDirectory(path) else { throw FileError(.mkdir, path, .notDirectory) }
                // Its maker may have died before the sync. A folder above that we may not open is not ours to sync.
                do { try syncDirectory(parent(path)) } catch {
                    guard error.errno == .permissionDenied else { throw error }
                }
                return
            case .noSuchFileOrDirectory where parent(path) != path:
                try createDirectory(parent(path))
                do { try calls.makeDirectory(path) } catch {
                    guard error.errno == .fileExists else { throw error }
                }
            default: throw error
            }
        }
        try syncDirectory(parent(path))
    }

    public func rename(_ from: String, to: String) throws(FileError) {
        try calls.rename(from, to: to, replacing: false)
        try syncDirectory(parent(to))
        if parent(from) != parent(to) { try syncDirectory(parent(from)) }
    }

    public func linkOrCopy(_ from: String, to: String) throws(FileError) {
        do { try calls.link(from, to: to) } catch {
            guard [.improperLink, .notPermitted, .tooManyLinks, .notSupportedOnSocket].contains(error.errno)
            else { throw error }
            return try copy(from, to: to)
        }
        try syncDirectory(parent(to))
    }

    public func remove(_ path: String) throws(FileError) {
        do { try calls.unlink(path) } catch {
            guard error.errno == .noSuchFileOrDirectory else { throw error }
        }
        try syncDirectory(parent(path))
    }

    public func removeTree(_ path: String) throws(FileError) {
        guard let found = try status(path) else { return }
        guard found.kind == .directory else {
            try remove(path)
            return
        }
        for entry in try list(path) { try removeTree("\(path)/\(entry.name)") }
        do { try calls.removeDirectory(path) } catch {
            guard error.errno == .noSuchFileOrDirectory else { throw error }
        }
        try syncDirectory(parent(path))
    }

    public func syncDirectory(_ path: String) throws(FileError) {
        let folder = try calls.openDirectory(path)
        defer { calls.close(folder) }
        // Some network file systems cannot sync a folder, and answer EINVAL.
        do { try calls.sync(folder, path) } catch {
            guard error.errno == .invalidArgument else { throw error }
        }
    }
}
