import Digests
import SystemPackage

#if canImport(Glibc)
    import Glibc
#endif

/// A folder of results of limited size. The key of a result is the digest of everything that decides it.
///
/// An entry is one file, `KEY.DIGEST`, where DIGEST is the SHA-256 of its bytes. So a damaged entry shows, and two workers
/// with the same entry make the same file. The time of the file `KEY.DIGEST.used` beside it is that of the last use. A worker
/// may write only to its job's folder: it puts entries into a *drawer* there, and the daemon moves them into the cache.
public struct ContentCache: Sendable {
    /// Name of the drawer in a job's folder.
    public static let drawerName = ".cache"
    private static let usedSuffix = ".used"

    /// The folder of all entries.
    public let folder: String
    /// Bytes that all entries together may take; 0 turns the cache off.
    public let limit: Int
    private let files: any FileSystem

    /// A cache in a folder, which need not exist yet.
    public init(folder: String, limit: Int, files: any FileSystem = PosixFileSystem()) {
        self.folder = folder
        self.limit = limit
        self.files = files
    }

    /// An entry of the cache.
    public struct Entry: Sendable {
        /// Its file.
        public let path: String
        /// Its content, which has the entry's digest.
        public let bytes: [UInt8]
    }

    /// The entry of a key. It removes a damaged entry, if it may, and does not return it.
    public func entry(_ key: String) -> Entry? {
        guard limit > 0, let entries = try? files.list(folder) else { return nil }
        for found in entries where found.kind == .file && found.name.hasPrefix("\(key).") {
            guard let digest = Self.digest(inName: found.name) else { continue }
            let path = "\(folder)/\(found.name)"
            guard let bytes = try? files.read(path) else { continue }
            if Digest.sha256(bytes) == digest { return Entry(path: path, bytes: bytes) }
            try? files.remove(path)
        }
        return nil
    }

    /// Adds an entry to a drawer, or without a drawer to the cache itself.
    public func keep(_ bytes: [UInt8], as key: String, drawer: String? = nil) throws(FileError) {
        guard limit > 0 else { return }
        try files.createDirectory(drawer ?? folder)
        try files.replace("\(drawer ?? folder)/\(key).\(Digest.sha256(bytes))", bytes, mode: 0o600)
        if drawer == nil { try evict() }
    }

    /// Removes the entries of a key: from a drawer, or where there is none from the cache itself.
    public func discard(_ key: String, drawer: String? = nil) throws(FileError) {
        let place = drawer ?? folder
        guard try files.status(place) != nil else { return }
        for found in try files.list(place) where found.name.hasPrefix("\(key).") {
            try files.remove("\(place)/\(found.name)")
        }
    }

    /// Marks an entry as used now. `evict` removes the entries with the oldest use first.
    public func markUsed(_ entry: Entry, drawer: String? = nil) throws(FileError) {
        try files.createDirectory(drawer ?? folder)
        try files.replace(
            "\(drawer ?? folder)/\(lastComponent(entry.path))\(Self.usedSuffix)", [], mode: 0o600)
    }

    /// Moves the entries of a worker's drawer into the cache, and removes the drawer.
    public func takeOver(_ drawer: String) throws(FileError) {
        guard let status = try files.status(drawer) else { return }
        if limit > 0 && status.kind == .directory {
            try files.createDirectory(folder)
            for entry in try files.list(drawer) where entry.kind == .file {
                try takeOver(entry.name, from: drawer)
            }
            try evict()
        }
        try files.removeTree(drawer)
    }

    private func takeOver(_ name: String, from drawer: String) throws(FileError) {
        if name.hasSuffix(Self.usedSuffix) {
            let entry = String(name.dropLast(Self.usedSuffix.count))
            guard Self.digest(inName: entry) != nil, try files.status("\(folder)/\(entry)") != nil else {
                return
            }
            try files.replace("\(folder)/\(name)", [], mode: 0o600)
        } else if Self.digest(inName: name) != nil {
            do { try files.rename("\(drawer)/\(name)", to: "\(folder)/\(name)") } catch {
                switch error.errno {
                case .fileExists /* another worker made it too */: return
                case .improperLink:
                    try files.replace("\(folder)/\(name)", try files.read("\(drawer)/\(name)"), mode: 0o600)
                default: throw error
                }
            }
        }
    }

    /// Removes the entries with the oldest use until the rest fits, and the temporary files of killed writers.
    private func evict() throws(FileError) {
        let names = try files.list(folder).filter { $0.kind == .file }.map(\.name)
        var entries: [(name: String, size: Int, used: Double)] = []
        for name in names {
            guard let status = try files.status("\(folder)/\(name)") else { continue }
            if Self.digest(inName: name) != nil {
                let mark = try files.status("\(folder)/\(name)\(Self.usedSuffix)")
                entries.append((name, status.size, max(status.modified, mark?.modified ?? 0)))
            } else if isAbandoned(name) {
                try files.remove("\(folder)/\(name)")
            }
        }
        var total = entries.reduce(0) { $0 + $1.size }
        for entry in entries.sorted(by: { $0.used < $1.used }) where total > limit {
            try files.remove("\(folder)/\(entry.name)")
            try files.remove("\(folder)/\(entry.name)\(Self.usedSuffix)")
            total -= entry.size
        }
    }

    /// Whether a file is the temporary file of a writer that has died: no process writes to it, and the process whose number its
    /// name has is gone. No clock can tell: someone may have set it.
    private func isAbandoned(_ name: String) -> Bool {
        guard name.hasPrefix("."), name.hasSuffix(".tmp"),
            let owner = name.dropLast(".tmp".count).split(separator: ".").last.flatMap({ pid_t($0) }),
            owner > 0
        else { return false }
        let isWritten = files.isBeingWritten("\(folder)/\(name)")
        // This process writes no other file meanwhile. In a container each daemon has the number of the one before.
        if owner == getpid() { return isWritten == false }
        return isWritten != true && kill(owner, 0) != 0 && errno == ESRCH
    }

    /// The digest in an entry's name; nil for names of other files.
    private static func digest(inName name: String) -> String? {
        let halves = name.split(separator: ".", omittingEmptySubsequences: false)
        guard halves.count == 2, halves.allSatisfy({ $0.count == 64 && $0.allSatisfy(\.isHexDigit) })
        else { return nil }
        return String(halves[1])
    }
}
