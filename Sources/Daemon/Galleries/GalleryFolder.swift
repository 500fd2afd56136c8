import Digests
import DurableFiles
import Failures
import Foundation
import JSON
import SystemPackage
import WebPages

/// A gallery: a folder with one page, and files of data that the page loads as scripts, because a page that is opened from a disk
/// may not fetch.
///
///     index.html              the page
///     data/pages.js           the number of data files
///     data/00000.js           the first 100 jobs, one a line; data/00001.js the next 100, …
///     pictures/ab/DIGEST-….jpg  small copies
///
/// Each file is replaced by one rename, so a reader sees an old gallery or a new one. To add a job costs two pictures and the last
/// data file, however many jobs there are.
public struct GalleryFolder {
    /// Jobs of a data file.
    public static let pageSize = 100

    /// The folder.
    public let path: String
    private let files: any FileSystem

    /// A gallery in a folder, which may not be there yet.
    public init(_ path: String, _ files: any FileSystem = PosixFileSystem()) {
        self.path = path
        self.files = files
    }

    /// Whether the folder is a gallery, or free to become one: it is not there, or empty.
    public func isUsable() throws(FileError) -> Bool {
        guard let status = try files.status(path) else { return true }
        guard status.kind == .directory else { return false }
        let names = try files.list(path).map(\.name)
        return names.isEmpty || names.contains("data") && names.contains("index.html")
    }

    /// Makes the folder and the page, where they are not as this program has them.
    public func open() throws(FileError) {
        try files.createDirectory("\(path)/data")
        let page = Array(WebPage.gallery.utf8)
        let there = try files.status("\(path)/index.html") == nil ? [] : try files.read("\(path)/index.html")
        if there != page { try replace("index.html", page) }
        if try files.status("\(path)/data/pages.js") == nil { try writeCount(0) }
    }

    /// Keeps other processes from writing the gallery as long as the lock lives.
    ///
    /// - Throws: `gallery.busy` when another process has it.
    public func lock() throws(Failure) -> FolderLock {
        do { return try FolderLock(path) } catch {
            guard error.errno == .wouldBlock else { throw Failure(error, .badOutput) }
            throw Failure(
                .tryLater, code: "gallery.busy", message: "another process renews this gallery", file: path,
                hint: "Wait for it to end.", isRetryable: true)
        }
    }

    /// Adds a job that has ended. One that is among the last hundred already is not added twice.
    public func add(_ entry: GalleryEntry, _ pictures: GalleryPictures) throws(FileError) {
        var page = max(0, try pageCount() - 1)
        // A crash may have come between a new data file and its count.
        while try files.status(file(page + 1)) != nil { page += 1 }
        var entries = try self.entries(page: page)
        let recent = page == 0 ? entries : try self.entries(page: page - 1) + entries
        if !recent.contains(where: { $0.id == entry.id }) {
            if entries.count >= Self.pageSize { (page, entries) = (page + 1, []) }
            entries.append(try store(entry, pictures))
            try replace("data/\(Self.fileName(page))", Self.text(entries, page: page))
        }
        if try pageCount() != page + 1 { try writeCount(page + 1) }
    }

    /// Puts these jobs in the place of all that are there, oldest first.
    ///
    /// - Parameter pictures: makes a job's small copies, unless the gallery has them.
    public func rebuild(
        _ entries: [GalleryEntry], pictures: (GalleryEntry) -> GalleryPictures
    ) throws(FileError) {
        let before = try pageCount()
        let pages = (entries.count + Self.pageSize - 1) / Self.pageSize
        for page in 0..<pages {
            let end = min(entries.count, (page + 1) * Self.pageSize)
            var lines: [GalleryEntry] = []
            for entry in entries[page * Self.pageSize..<end] {
                if let known = try known(entry) {
                    lines.append(known)
                } else {
                    lines.append(try store(entry, pictures(entry)))
                }
            }
            try replace("data/\(Self.fileName(page))", Self.text(lines, page: page))
        }
        try writeCount(pages)
        var page = pages
        while try files.status(file(page)) != nil || page < before {
            try files.remove(file(page))
            page += 1
        }
        try removePictures(besides: Set(entries.flatMap { [Self.places($0).before, Self.places($0).after] }))
    }

    private func removePictures(besides used: Set<String>) throws(FileError) {
        guard try files.status("\(path)/pictures") != nil else { return }
        for folder in try files.list("\(path)/pictures") where folder.kind == .directory {
            for picture in try files.list("\(path)/pictures/\(folder.name)") {
                let place = "pictures/\(folder.name)/\(picture.name)"
                if !used.contains(place) { try files.remove("\(path)/\(place)") }
            }
        }
    }

    /// The jobs of a data file; none where the file is missing or damaged.
    public func entries(page: Int) throws(FileError) -> [GalleryEntry] {
        guard try files.status(file(page)) != nil else { return [] }
        let text = String(decoding: try files.read(file(page)), as: UTF8.self)
        guard let start = text.firstIndex(of: "["), let end = text.lastIndex(of: "]") else { return [] }
        let json = Data(text[start...end].utf8)
        return (try? JSONDecoder().decode([GalleryEntry].self, from: json)) ?? []
    }

    /// The number of data files.
    public func pageCount() throws(FileError) -> Int {
        guard try files.status("\(path)/data/pages.js") != nil else { return 0 }
        let text = String(decoding: try files.read("\(path)/data/pages.js"), as: UTF8.self)
        return text.firstMatch(of: /"pages":(\d{1,7})/).flatMap { Int($0.1) } ?? 0
    }

    // MARK: - Files

    private func file(_ page: Int) -> String { "\(path)/data/\(Self.fileName(page))" }

    static func fileName(_ page: Int) -> String {
        let digits = String(page)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits + ".js"
    }

    private static func text(_ entries: [GalleryEntry], page: Int) -> [UInt8] {
        let lines = entries.map { WebPage.embedded(JSONValue(encoding: $0)) }
        return Array("galleryPage(\(page), [\n\(lines.joined(separator: ",\n"))\n]);\n".utf8)
    }

    private func writeCount(_ pages: Int) throws(FileError) {
        let record = JSONValue.object([
            ("schema", .string("clipdrag-gallery/1")), ("pages", .integer(pages)),
            ("page_size", .integer(Self.pageSize)),
        ])
        try replace("data/pages.js", Array("galleryPages(\(record.line));\n".utf8))
    }

    /// Stores a job's pictures.
    ///
    /// - Returns: the entry with their places.
    private func store(_ entry: GalleryEntry, _ pictures: GalleryPictures) throws(FileError) -> GalleryEntry {
        var entry = entry
        guard pictures.before != nil || pictures.after != nil else { return entry }
        let places = Self.places(entry)
        try files.createDirectory("\(path)/\(parent(places.after))")
        if let bytes = pictures.after {
            try replace(places.after, bytes)
            entry.after = places.after
        }
        if let bytes = pictures.before {
            try replace(places.before, bytes)
            entry.before = places.before
        }
        return entry
    }

    /// The entry with the pictures that the gallery has of it; nil where it has none.
    private func known(_ entry: GalleryEntry) throws(FileError) -> GalleryEntry? {
        var entry = entry
        let places = Self.places(entry)
        if try files.status("\(path)/\(places.after)") != nil { entry.after = places.after }
        if try files.status("\(path)/\(places.before)") != nil { entry.before = places.before }
        let isComplete = entry.before != nil && (entry.after != nil || entry.state == .failed)
        return isComplete ? entry : nil
    }

    /// An id may come from a foreign file, so its digest makes the names.
    private static func places(_ entry: GalleryEntry) -> (before: String, after: String) {
        let name = Digest.sha256(Array(entry.id.utf8)).prefix(24)
        let stem = "pictures/\(name.prefix(2))/\(name)"
        return ("\(stem)-before.jpg", "\(stem)-after.jpg")
    }

    private func replace(_ name: String, _ bytes: [UInt8]) throws(FileError) {
        try files.replace("\(path)/\(name)", bytes, mode: 0o644)
    }
}
