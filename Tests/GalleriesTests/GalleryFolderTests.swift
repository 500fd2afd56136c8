import DurableFiles
import Failures
import Foundation
import JSON
import JobFiles
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import Galleries

/// The files of a gallery: what a page may contain, what it costs to add a job, and what a reader sees meanwhile.
@Suite struct GalleryFolderTests {
    private func entry(_ i: Int, name: String? = nil, text: String = "a face") -> GalleryEntry {
        GalleryEntry(
            id: "job-\(i)", state: i % 7 == 3 ? .failed : .published, name: name ?? "cat.\(i)",
            answer: "moved", words: "moved", text: text, finished: "2026-01-01T00:00:00Z", seconds: 1.5,
            model: "starter", link: "../out/cat.\(i)/report.html")
    }

    private let pictures = GalleryPictures(
        before: [UInt8](repeating: 1, count: 9000), after: [UInt8](repeating: 2, count: 9000))

    @Test func `jobs are added in their order, a hundred to a file, and each once`() throws {
        let folder = try ScratchFolder()
        let gallery = GalleryFolder("\(folder.path)/gallery")
        try gallery.open()
        for i in 0..<101 {
            try gallery.add(entry(i), pictures)
            try gallery.add(entry(i), pictures)
        }
        #expect(try gallery.pageCount() == 2)
        #expect(try gallery.entries(page: 0).map(\.id) == (0..<100).map { "job-\($0)" })
        let last = try gallery.entries(page: 1)
        #expect(last.map(\.id) == ["job-100"])
        #expect(
            try PosixFileSystem().read("\(gallery.path)/\(try #require(last[0].before))") == pictures.before)
        #expect(last[0].after != last[0].before && last[0].link == "../out/cat.100/report.html")
    }

    @Test func `adding a job to ten thousand writes no more than adding one to a hundred`() throws {
        func cost(after count: Int) throws -> (files: Int, bytes: Int, read: Int) {
            let folder = try ScratchFolder()
            let gallery = GalleryFolder(folder.path)
            try gallery.open()
            try gallery.rebuild((0..<count).map { entry($0) }) { _ in GalleryPictures() }
            let counting = CountingFileSystem()
            try GalleryFolder(folder.path, counting).add(entry(count), pictures)
            #expect(try gallery.entries(page: count / 100).last?.id == "job-\(count)")
            return (counting.writes, counting.bytes, counting.bytesRead)
        }
        // The file that grows has 50 jobs in both galleries.
        let (small, large) = (try cost(after: 150), try cost(after: 9950))
        #expect(small.files == 3 && large.files == 3, "two pictures and one data file")
        #expect(abs(small.bytes - large.bytes) < 1000, "\(small.bytes) and \(large.bytes) bytes")
        #expect(abs(small.read - large.read) < 2000, "\(small.read) and \(large.read) bytes read")
    }

    @Test func `a crash before any write, or just after it, leaves a gallery that a reader can read`() throws
    {
        let filled = try ScratchFolder()
        try GalleryFolder("\(filled.path)/gallery").open()
        for i in 0..<100 { try GalleryFolder("\(filled.path)/gallery").add(entry(i), GalleryPictures()) }
        for failing in 1...8 {
            for dieAfter in [false, true] {
                let folder = try ScratchFolder()
                let path = "\(folder.path)/gallery"
                try FileManager.default.copyItem(atPath: "\(filled.path)/gallery", toPath: path)
                let gallery = GalleryFolder(path)
                let faulty = CountingFileSystem(failing: failing, dieAfter: dieAfter)
                do { try GalleryFolder(path, faulty).add(entry(100), pictures) } catch {}
                let seen = try (0...1).flatMap { try gallery.entries(page: $0) }
                #expect(seen.count == 100 || seen.count == 101)
                try gallery.add(entry(100), pictures)
                try gallery.add(entry(101), pictures)
                #expect(try gallery.pageCount() == 2)
                #expect(try gallery.entries(page: 1).map(\.id) == ["job-100", "job-101"])
            }
        }
    }

    @Test func `a hostile name or message ends no script and is no HTML`() throws {
        let folder = try ScratchFolder()
        let gallery = GalleryFolder(folder.path)
        try gallery.open()
        let hostile = "</script><img src=x onerror=alert(1)>\"];//\u{2028}\u{202e}\\"
        try gallery.add(entry(0, name: hostile, text: hostile), GalleryPictures())
        let text = String(
            decoding: try PosixFileSystem().read("\(folder.path)/data/00000.js"), as: UTF8.self)
        #expect(!text.contains("<") && !text.contains("\u{2028}"))
        #expect(text.split(separator: "\n").count == 3)
        #expect(try gallery.entries(page: 0)[0].name == hostile)
    }

    @Test func `a failure's message and its remedy are two sentences, with one sign between them`() throws {
        let folder = try ScratchFolder()
        let report = ErrorReport(
            Failure(
                .badSpec, code: "spec.unknown_key",
                message: "`settings` has no key `max_step`; did you mean `max_steps`?", hint: "Known keys: a."
            ))
        try PosixFileSystem().create("\(folder.path)/error.json", Array(report.oneLine.utf8), mode: 0o644)
        let job = try #require(EndedJobFolder(failed: folder.path, gallery: "/gallery"))
        #expect(
            job.entry.text == "`settings` has no key `max_step`; did you mean `max_steps`? Known keys: a.")
    }

    @Test
    func `a gallery made anew has the jobs that it is given, keeps their pictures, and loses the others`()
        throws
    {
        let folder = try ScratchFolder()
        let gallery = GalleryFolder(folder.path)
        try gallery.open()
        for i in 0..<250 { try gallery.add(entry(i), i == 7 ? pictures : GalleryPictures()) }
        var asked: [String] = []
        try gallery.rebuild((5..<9).map { entry($0) }) { entry in
            asked.append(entry.id)
            return GalleryPictures()
        }
        #expect(try gallery.pageCount() == 1)
        let jobs = try gallery.entries(page: 0)
        #expect(jobs.map(\.id) == ["job-5", "job-6", "job-7", "job-8"])
        #expect(asked == ["job-5", "job-6", "job-8"] && jobs[2].after != nil)
        #expect(
            try PosixFileSystem().list("\(folder.path)/data").map(\.name).sorted() == [
                "00000.js", "pages.js",
            ])
    }

    @Test func `only an empty folder or a gallery becomes one`() throws {
        let folder = try ScratchFolder()
        #expect(try GalleryFolder("\(folder.path)/new").isUsable())
        #expect(try GalleryFolder(folder.path).isUsable())
        try GalleryFolder("\(folder.path)/g").open()
        #expect(try GalleryFolder("\(folder.path)/g").isUsable())
        #expect(try !GalleryFolder(folder.path).isUsable())
    }

    @Test(arguments: [
        ("/a/out/cat/report.html", "/a/gallery", "../out/cat/report.html"),
        ("/a/g/x", "/a/g", "./x"), ("/b", "/a/g/h", "../../../b"),
        ("/a/javascript:alert(1)/<b>.png", "/a", "./javascript%3Aalert%281%29/%3Cb%3E.png"),
        ("/a/ногти é", "/a", "./%D0%BD%D0%BE%D0%B3%D1%82%D0%B8%20%C3%A9"),
    ])
    func `links are relative, and nothing of a name is syntax`(
        _ path: String, _ folder: String, _ url: String
    ) {
        #expect(relativeURL(of: path, from: folder) == url)
    }

    @Test func `a name that is no UTF-8 is linked by its bytes`() {
        let name = PathCoding.text([0x61, 0xe9, 0x2f - 1])
        #expect(relativeURL(of: "/x/\(name)", from: "/x") == "./a%E9.")
    }
}

/// The real file system with a count of what is written and read; from the write `failing` on, every one fails.
private final class CountingFileSystem: FileSystem {
    private struct Counts {
        var writes = 0
        var bytes = 0
        var bytesRead = 0
    }

    private let real = PosixFileSystem()
    private let counts = Mutex(Counts())
    private let failing: Int
    private let dieAfter: Bool

    init(failing: Int = .max, dieAfter: Bool = false) {
        self.failing = failing
        self.dieAfter = dieAfter
    }

    var writes: Int { counts.withLock { $0.writes } }
    var bytes: Int { counts.withLock { $0.bytes } }
    var bytesRead: Int { counts.withLock { $0.bytesRead } }

    private func write(_ path: String, _ count: Int, _ body: () throws(FileError) -> Void) throws(FileError) {
        let number = counts.withLock { counts in
            counts.writes += 1
            counts.bytes += count
            return counts.writes
        }
        if number == failing && dieAfter { try body() }
        if number >= failing { throw FileError(.write, path, .ioError) }
        try body()
    }

    func read(_ path: String) throws(FileError) -> [UInt8] {
        let bytes = try real.read(path)
        counts.withLock { $0.bytesRead += bytes.count }
        return bytes
    }
    func read(_ path: String, from offset: Int, count: Int) throws(FileError) -> [UInt8] {
        try real.read(path, from: offset, count: count)
    }
    func create(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError) {
        try write(path, bytes.count) { () throws(FileError) in try real.create(path, bytes, mode: mode) }
    }
    func replace(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError) {
        try write(path, bytes.count) { () throws(FileError) in try real.replace(path, bytes, mode: mode) }
    }
    func append(_ path: String, _ bytes: [UInt8], mode: Int) throws(FileError) {
        try write(path, bytes.count) { () throws(FileError) in try real.append(path, bytes, mode: mode) }
    }
    func syncFile(_ path: String) throws(FileError) { try real.syncFile(path) }
    func createDirectory(_ path: String) throws(FileError) { try real.createDirectory(path) }
    func list(_ path: String) throws(FileError) -> [FileEntry] { try real.list(path) }
    func status(_ path: String) throws(FileError) -> FileStatus? { try real.status(path) }
    func rename(_ from: String, to: String) throws(FileError) { try real.rename(from, to: to) }
    func linkOrCopy(_ from: String, to: String) throws(FileError) { try real.linkOrCopy(from, to: to) }
    func remove(_ path: String) throws(FileError) { try real.remove(path) }
    func removeTree(_ path: String) throws(FileError) { try real.removeTree(path) }
    func setMode(_ path: String, _ mode: Int) throws(FileError) { try real.setMode(path, mode) }
    func syncDirectory(_ path: String) throws(FileError) { try real.syncDirectory(path) }
}
