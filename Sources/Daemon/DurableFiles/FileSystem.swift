import SystemPackage

/// The properties of a file, from lstat(2).
public struct FileStatus: Sendable, Equatable {
    /// Kinds of files.
    public enum Kind: Sendable { case file, directory, symbolicLink, other }
    /// The kind of file.
    public var kind: Kind
    /// Bytes.
    public var size: Int
    /// The time of the last change of its content, seconds since 1970.
    public var modified: Double
    /// The time of the last change of its content or its name, seconds since 1970. Unlike `modified`, it includes moves.
    public var changed: Double
    /// The identity of the file itself, independent of its names.
    public var device, inode: UInt64
    /// Number of names.
    public var links: Int
}

/// A folder's entry.
public struct FileEntry: Sendable, Equatable {
    /// Its name.
    public var name: String
    /// The kind of file.
    public var kind: FileStatus.Kind
}

/// The file calls of the daemon, behind one protocol: tests inject faults.
///
/// Every call that creates, moves or removes is durable when it returns: it has synced the file and its folder, so that a power
/// cut after the call cannot undo it. A failed fsync is a failure of the call.
public protocol FileSystem: Sendable {
    /// All bytes of a file.
    func read(_ path: String) throws(FileError) -> [UInt8]
    /// At most `count` bytes of a file from an offset on; fewer only at its end.
    func read(_ path: String, from offset: Int, count: Int) throws(FileError) -> [UInt8]
    /// Makes a new file.
    func create(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError)
    /// Makes a file, or replaces it in one step.
    func replace(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError)
    /// Appends bytes to a file, which it makes if necessary. It is the only call that is not durable: `syncFile` makes it
    /// durable.
    func append(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError)
    /// Makes a file's content, and its name, durable.
    func syncFile(_ path: String) throws(FileError)
    /// Makes a folder, and those above it. The folder may exist already.
    func createDirectory(_ path: String) throws(FileError)
    /// Entries of a folder except `.` and `..`, by name. A name may have any bytes, see `PathCoding`.
    func list(_ path: String) throws(FileError) -> [FileEntry]
    /// The status of a path, without following a last symbolic link; nil when the path does not exist.
    func status(_ path: String) throws(FileError) -> FileStatus?
    /// Renames a file or folder within a file system. It fails with EEXIST when the name is taken.
    func rename(_ from: String, to: String) throws(FileError)
    /// Makes a second name for a file, or on another file system a copy.
    func linkOrCopy(_ from: String, to: String) throws(FileError)
    /// Removes a file. The file may be missing.
    func remove(_ path: String) throws(FileError)
    /// Removes a folder with everything in it. The folder may be missing.
    func removeTree(_ path: String) throws(FileError)
    /// Whether some process has a file open for writing; nil where the system does not say.
    func isBeingWritten(_ path: String) -> Bool?
    /// Sets the permissions of a file or folder.
    func setMode(_ path: String, _ mode: Int) throws(FileError)
    /// Makes a folder's list of names durable.
    func syncDirectory(_ path: String) throws(FileError)
}

extension FileSystem {
    /// Always nil.
    public func isBeingWritten(_ path: String) -> Bool? { nil }

    /// Removes the temporary files that killed calls of `replace` left in a folder. The folder may be missing.
    public func removeTemporaries(_ folder: String) throws(FileError) {
        guard try status(folder) != nil else { return }
        for entry in try list(folder)
        where entry.kind == .file && entry.name.hasPrefix(".") && entry.name.hasSuffix(".tmp") {
            try remove("\(folder)/\(entry.name)")
        }
    }

    /// Moves a file or folder. Between file systems it copies, makes the copy durable, and then removes the original.
    public func move(_ from: String, to: String) throws(FileError) {
        do { try rename(from, to: to) } catch {
            guard error.errno == .improperLink else { throw error }
            try copy(from, to: to)
            try removeTree(from)
        }
    }

    /// Makes a durable copy of a file or folder under a free name. Nobody sees half a copy. If the process dies, the next try
    /// removes the unfinished copy.
    public func copy(_ from: String, to: String) throws(FileError) {
        let temporary = "\(parent(to))/\(fileName(".", lastComponent(to), ".copy.tmp"))"
        try removeTree(temporary)
        try copyTree(from, to: temporary)
        try rename(temporary, to: to)
    }

    /// Calls `body` with a file's bytes in pieces of at most 1 MiB. An empty file is one empty piece.
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

    /// A free name in a folder: `stem`, else `stem.2`, `stem.3`, …, each with the ending.
    public func freeName(_ stem: String, _ ending: String = "", in folder: String) throws(FileError)
        -> String
    {
        var n = 1
        while try status("\(folder)/\(numberedName(stem, n, ending))") != nil { n += 1 }
        return numberedName(stem, n, ending)
    }
}
