import SystemPackage

/// What is known of a file without opening it.
public struct FileStatus: Sendable, Equatable {
    /// Kinds of files.
    public enum Kind: Sendable { case file, directory, symbolicLink, other }
    /// What it is.
    public var kind: Kind
    /// Bytes.
    public var size: Int
    /// Seconds since 1970 of its last change.
    public var modified: Double
    /// Seconds since 1970 since when it has its name and its content: a move counts, unlike in `modified`.
    public var changed: Double
    /// Identity of the file itself, whatever its names.
    public var device, inode: UInt64
    /// Number of names.
    public var links: Int
}

/// A folder's entry.
public struct FileEntry: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// What it is.
    public var kind: FileStatus.Kind
}

/// The file calls the daemon makes, behind one protocol: tests put faults in.
///
/// Every call that creates, moves or removes is durable when it returns: a written file and its folder are fsynced,
/// so that a power cut after the call cannot undo it. An fsync that fails is a failure of the call.
public protocol FileSystem: Sendable {
    /// All bytes of a file.
    func read(_ path: String) throws(FileError) -> [UInt8]
    /// At most `count` bytes of a file from an offset on; fewer only at its end.
    func read(_ path: String, from offset: Int, count: Int) throws(FileError) -> [UInt8]
    /// Makes a file that is not there yet.
    func create(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError)
    /// Makes a file or puts a new one in its place, at once.
    func replace(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError)
    /// Adds bytes at a file's end; makes it when it is not there. Alone of all calls it is not durable: `syncFile` makes
    /// it so.
    func append(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError)
    /// Makes a file's content, and its name, durable.
    func syncFile(_ path: String) throws(FileError)
    /// Makes a folder, and those above it; one that is there is fine.
    func createDirectory(_ path: String) throws(FileError)
    /// Entries of a folder but `.` and `..`, by name; whatever bytes a name has, see `PathCoding`.
    func list(_ path: String) throws(FileError) -> [FileEntry]
    /// What a path names, not following a last symbolic link; nil when nothing is there.
    func status(_ path: String) throws(FileError) -> FileStatus?
    /// Gives a file or folder another name in the same file system; fails with EEXIST when the name is taken.
    func rename(_ from: String, to: String) throws(FileError)
    /// A second name for a file, or where that cannot be (another file system) a copy.
    func linkOrCopy(_ from: String, to: String) throws(FileError)
    /// Removes a file; none there is fine.
    func remove(_ path: String) throws(FileError)
    /// Removes a folder and all in it; none there is fine.
    func removeTree(_ path: String) throws(FileError)
    /// Whether some process has a file open for writing; nil where that cannot be told.
    func isBeingWritten(_ path: String) -> Bool?
    /// Gives a file or folder permissions.
    func setMode(_ path: String, _ mode: Int) throws(FileError)
    /// Makes durable which names a folder has.
    func syncDirectory(_ path: String) throws(FileError)
}

extension FileSystem {
    /// Tells nothing.
    public func isBeingWritten(_ path: String) -> Bool? { nil }

    /// Removes what a `replace` that was killed left in a folder; a folder that is not there has none.
    public func removeTemporaries(_ folder: String) throws(FileError) {
        guard try status(folder) != nil else { return }
        for entry in try list(folder)
        where entry.kind == .file && entry.name.hasPrefix(".") && entry.name.hasSuffix(".tmp") {
            try remove("\(folder)/\(entry.name)")
        }
    }

    /// Moves a file or folder, also between file systems: copied, made durable, then removed here.
    public func move(_ from: String, to: String) throws(FileError) {
        do { try rename(from, to: to) } catch {
            guard error.errno == .improperLink else { throw error }
            try copy(from, to: to)
            try removeTree(from)
        }
    }

    /// A durable copy of a file or folder under a name that is not taken; no one sees half of it. What a death leaves of
    /// it, the next try removes.
    public func copy(_ from: String, to: String) throws(FileError) {
        let temporary = "\(parent(to))/\(fileName(".", lastComponent(to), ".copy.tmp"))"
        try removeTree(temporary)
        try copyTree(from, to: temporary)
        try rename(temporary, to: to)
    }

    /// A file's bytes in pieces of at most 1 MiB, however large it is; an empty file is one empty piece.
    public func forEachPiece(of path: String, _ body: ([UInt8]) throws(FileError) -> Void) throws(FileError) {
        let size = 1 << 20
        var offset = 0
        while true {
            let piece = try read(path, from: offset, count: size)
            if !piece.isEmpty || offset == 0 { try body(piece) }
            guard piece.count == size else { return }
            offset += size
        }
    }

    private func copyTree(_ from: String, to: String) throws(FileError) {
        guard let status = try status(from) else { return }
        guard status.kind == .directory else {
            try forEachPiece(of: from) { piece throws(FileError) in try append(to, piece, mode: 0o644) }
            return try syncFile(to)
        }
        try createDirectory(to)
        for entry in try list(from) {
            try copyTree("\(from)/\(entry.name)", to: "\(to)/\(entry.name)")
        }
    }

    /// A name in a folder that is not taken: `stem`, else `stem.2`, `stem.3`, …, each with the ending.
    public func freeName(_ stem: String, _ ending: String = "", in folder: String) throws(FileError)
        -> String
    {
        var n = 1
        while try status("\(folder)/\(numberedName(stem, n, ending))") != nil { n += 1 }
        return numberedName(stem, n, ending)
    }
}
