import DurableFiles
import Synchronization
import SystemPackage

/// The real file system up to some changing call; from there on every call fails: a process that died, or a disk that did.
public final class FaultyFileSystem: FileSystem {
    private let real = PosixFileSystem(followingLinks: false)
    private let calls = Mutex(0)
    /// The changing call, from 1, that fails first.
    public let failing: Int
    /// Whether the first failing call still takes effect before the process dies.
    public let dieAfter: Bool
    private let error: Errno
    /// Names of files that this process may not read.
    private let unreadable: Set<String>
    /// What others do just before a file is linked; and what they do just after, which that gives.
    private let linking: @Sendable (_ path: String) -> @Sendable () -> Void

    public init(
        failing: Int = .max, dieAfter: Bool = false, error: Errno = .ioError, unreadable: Set<String> = [],
        linking: @escaping @Sendable (_ path: String) -> @Sendable () -> Void = { _ in {} }
    ) {
        self.unreadable = unreadable
        self.linking = linking
        self.failing = failing
        self.dieAfter = dieAfter
        self.error = error
    }

    /// The number of changing calls so far.
    public var count: Int { calls.withLock { $0 } }

    private func change(_ path: String, _ body: () throws(FileError) -> Void) throws(FileError) {
        let number = calls.withLock { calls in
            calls += 1
            return calls
        }
        if number == failing && dieAfter { try body() }
        if number >= failing { throw FileError(.write, path, error) }
        try body()
    }

    private func look(_ path: String) throws(FileError) {
        if count >= failing { throw FileError(.read, path, error) }
    }

    private func open(_ path: String) throws(FileError) {
        if unreadable.contains(lastComponent(path)) { throw FileError(.open, path, .permissionDenied) }
        try look(path)
    }

    public func read(_ path: String) throws(FileError) -> [UInt8] {
        try open(path)
        return try real.read(path)
    }
    public func read(_ path: String, from offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try open(path)
        return try real.read(path, from: offset, count: count)
    }
    public func append(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError) {
        try change(path) { () throws(FileError) in try real.append(path, bytes, mode: mode) }
    }
    public func syncFile(_ path: String) throws(FileError) {
        try change(path) { () throws(FileError) in try real.syncFile(path) }
    }
    public func list(_ path: String) throws(FileError) -> [FileEntry] {
        try look(path)
        return try real.list(path)
    }
    public func status(_ path: String) throws(FileError) -> FileStatus? {
        try look(path)
        return try real.status(path)
    }
    public func create(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError) {
        try change(path) { () throws(FileError) in try real.create(path, bytes, mode: mode) }
    }
    public func replace(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError) {
        try change(path) { () throws(FileError) in try real.replace(path, bytes, mode: mode) }
    }
    public func createDirectory(_ path: String) throws(FileError) {
        try change(path) { () throws(FileError) in try real.createDirectory(path) }
    }
    public func rename(_ from: String, to: String) throws(FileError) {
        try change(to) { () throws(FileError) in try real.rename(from, to: to) }
    }
    public func linkOrCopy(_ from: String, to: String) throws(FileError) {
        let after = linking(from)
        defer { after() }
        try change(to) { () throws(FileError) in try real.linkOrCopy(from, to: to) }
    }
    public func remove(_ path: String) throws(FileError) {
        try change(path) { () throws(FileError) in try real.remove(path) }
    }
    public func removeTree(_ path: String) throws(FileError) {
        // Entry by entry, so that a death in the midst leaves half a tree.
        guard let found = try status(path) else { return }
        guard found.kind == .directory else { return try remove(path) }
        for entry in try list(path) { try removeTree("\(path)/\(entry.name)") }
        try change(path) { () throws(FileError) in try real.removeTree(path) }
    }
    public func setMode(_ path: String, _ mode: Int) throws(FileError) {
        try change(path) { () throws(FileError) in try real.setMode(path, mode) }
    }
    public func syncDirectory(_ path: String) throws(FileError) {
        try change(path) { () throws(FileError) in try real.syncDirectory(path) }
    }
}
