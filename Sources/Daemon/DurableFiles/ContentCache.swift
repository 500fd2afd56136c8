import Digests
import Foundation
import SystemPackage

/// A bounded folder of results that are worth keeping, found by a key: the digest of all that decided them.
///
/// An entry is one file, `KEY.DIGEST`: the second half is the SHA-256 of its bytes, so that a torn or damaged entry is
/// known by itself, and two workers that make the same entry make the same file. Beside it `KEY.DIGEST.used` tells when it
/// was last of use. A worker that may write in its job's folder alone puts entries into a *drawer* there, and the daemon
/// takes them over.
public struct ContentCache: Sendable {
    /// Name of the drawer in a job's folder.
    public static let drawerName = ".cache"
    private static let usedSuffix = ".used"

    /// The folder of all entries.
    public let folder: String
    /// Bytes that all entries together may take; 0 keeps nothing.
    public let limit: Int
    private let files: any FileSystem

    /// A cache in a folder that need not be there yet.
    public init(folder: String, limit: Int, files: any FileSystem = PosixFileSystem()) {
        self.folder = folder
        self.limit = limit
        self.files = files
    }

    /// An entry that was found.
    public struct Entry: Sendable {
        /// Its file.
        public let path: String
        /// Its content, as its digest says.
        public let bytes: [UInt8]
    }

    /// The entry of a key. What is damaged is removed where that is allowed, and not found.
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

    /// Puts an entry in: into a drawer, or where there is none into the cache itself.
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

    /// Notes that an entry was of use: those that are not are the first to go.
    public func markUsed(_ entry: Entry, drawer: String? = nil) throws(FileError) {
        try files.createDirectory(drawer ?? folder)
        try files.replace(
            "\(drawer ?? folder)/\(lastComponent(entry.path))\(Self.usedSuffix)", [], mode: 0o600)
    }

    /// Takes over what a worker left in its drawer, and removes the drawer.
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

    /// Removes the entries that were of no use for longest until the rest fits, and what killed writers left.
    private func evict() throws(FileError) {
        let names = try files.list(folder).filter { $0.kind == .file }.map(\.name)
        var entries: [(name: String, size: Int, used: Double)] = []
        for name in names {
            guard let status = try files.status("\(folder)/\(name)") else { continue }
            if Self.digest(inName: name) != nil {
                let mark = try files.status("\(folder)/\(name)\(Self.usedSuffix)")
                entries.append((name, status.size, max(status.modified, mark?.modified ?? 0)))
            } else if name.hasSuffix(".tmp"), Date().timeIntervalSince1970 - status.modified > 3600 {
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

    /// The digest that an entry's name promises; nil for names of other files.
    private static func digest(inName name: String) -> String? {
        let halves = name.split(separator: ".", omittingEmptySubsequences: false)
        guard halves.count == 2, halves.allSatisfy({ $0.count == 64 && $0.allSatisfy(\.isHexDigit) })
        else { return nil }
        return String(halves[1])
    }
}
