import DurableFiles
import Foundation
import JSON
import Testing

/// The gallery as the daemon renews it, and as `clipdragd gallery` makes it anew.
@Suite(.serialized) struct GalleryTests {
    private func place() throws -> (Place, String) {
        let place = try Place()
        let gallery = "\(place.folder.path)/gallery"
        let text = try String(contentsOfFile: place.config, encoding: .utf8) + "gallery: \(gallery)\n"
        try text.write(toFile: place.config, atomically: true, encoding: .utf8)
        return (place, gallery)
    }

    /// The jobs of a gallery's first data file.
    private func jobs(_ gallery: String) -> [JSONValue] {
        let text = (try? String(contentsOfFile: "\(gallery)/data/00000.js", encoding: .utf8)) ?? ""
        guard text.hasPrefix("galleryPage(0, ["), text.hasSuffix("]);\n") else { return [] }
        let json = text.dropFirst("galleryPage(0, ".count).dropLast(3)
        guard case .array(let jobs)? = JSONValue(parsing: Array(json.utf8)) else { return [] }
        return jobs
    }

    @Test func `the command takes a link to an outbox, and says of a file that it is no folder`() throws {
        let folder = try TemporaryFolder()
        let (files, link, file) = (FileManager.default, "\(folder.path)/link", "\(folder.path)/file")
        try files.createDirectory(atPath: "\(folder.path)/out/a", withIntermediateDirectories: true)
        try files.createSymbolicLink(atPath: link, withDestinationPath: "out")
        try Data().write(to: URL(filePath: file))
        func gallery(_ outbox: String) throws -> (code: Int32, output: String, errors: String) {
            try Program.run(["gallery", outbox, "--out", "\(folder.path)/gallery"])
        }
        let linked = try gallery(link)
        #expect(linked.code == 0, "\(linked.errors)")
        #expect(try gallery(file).errors.contains("error: \(file) is no folder\n"))
        #expect(try gallery("\(file).no").errors.contains("error: \(file).no is not there\n"))
    }

    @Test(.timeLimit(.minutes(10)))
    func `the daemon shows every published and failed job, with both pictures, before it ends`() throws {
        let (place, gallery) = try place()
        try place.drop(picture: "cat.png")
        try place.drop(spec: "cat.yaml")
        try place.drop(picture: "dog.png")
        try place.drop(spec: "dog.yaml", "prompt: REFUSE\n")
        #expect(try place.runOnce() == 75)
        let jobs = jobs(gallery)
        #expect(Set(jobs.compactMap { $0["name"]?.string }) == ["cat", "dog"])
        for job in jobs {
            let isFailed = job["state"]?.string == "failed"
            #expect(job["name"]?.string == (isFailed ? "dog" : "cat"))
            #expect(
                job["link"]?.string == (isFailed ? "../in/failed/dog/error.txt" : "../out/cat/result.png"))
            #expect(job["code"]?.string == (isFailed ? "spec.test" : nil))
            for key in isFailed ? ["before"] : ["before", "after"] {
                let picture = try #require(job[key]?.string)
                let bytes = try Data(contentsOf: URL(filePath: "\(gallery)/\(picture)"))
                #expect(bytes.starts(with: [0xff, 0xd8]) && bytes.count < 40_000)
            }
        }
        #expect(place.names("\(place.state)/gallery") == [])
        #expect(place.names(place.outbox) == ["cat"])
    }

    @Test(.timeLimit(.minutes(10)))
    func `a gallery that cannot be written costs no job, and is told once a try`()
        throws
    {
        let (place, gallery) = try place()
        // A folder of someone else's files is not overwritten.
        try FileManager.default.createDirectory(atPath: gallery, withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(filePath: "\(gallery)/holiday.txt"))
        for name in ["a", "b"] {
            try place.drop(picture: "\(name).png")
            try place.drop(spec: "\(name).yaml")
        }
        let log = "\(place.folder.path)/log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        let daemon = try place.start(once: true, errors: try FileHandle(forWritingTo: URL(filePath: log)))
        daemon.waitUntilExit()
        #expect(daemon.terminationStatus == 0)
        #expect(place.names(place.outbox) == ["a", "b"])
        #expect(place.names(gallery) == ["holiday.txt"])
        let text = try String(contentsOfFile: log, encoding: .utf8)
        #expect(text.contains("the gallery was not renewed: its program ended with status 73"))
        // The events wait for a gallery that works.
        try FileManager.default.removeItem(atPath: "\(gallery)/holiday.txt")
        #expect(try place.runOnce() == 0)
        #expect(jobs(gallery).compactMap { $0["name"]?.string }.sorted() == ["a", "b"])
    }

    @Test(.timeLimit(.minutes(10)))
    func `the command makes the same gallery anew, and finds pictures in the archive`() throws {
        let (place, gallery) = try place()
        try place.drop(picture: "cat.png")
        try place.drop(spec: "cat.yaml")
        try place.drop(picture: "x\u{202e}<b>.png")
        try place.drop(spec: "x\u{202e}<b>.yaml", "prompt: REFUSE\n")
        _ = try place.runOnce()
        let shown = jobs(gallery)
        let other = "\(place.folder.path)/other"
        let run = try Program.run(["gallery", place.outbox, "--out", other, "--inbox", place.inbox])
        #expect(run.code == 0, "\(run.errors)")
        #expect(run.output == "\(other)/index.html\n")
        let anew = jobs(other)
        #expect(Set(anew.compactMap { $0["id"]?.string }) == Set(shown.compactMap { $0["id"]?.string }))
        let failed = anew.first { $0["state"]?.string == "failed" }
        #expect(failed?["name"]?.string == "x\\u202E<b>")
        #expect(failed?["link"]?.string == "../in/failed/x%E2%80%AE%3Cb%3E/error.txt")
        let text = try String(contentsOfFile: "\(other)/data/00000.js", encoding: .utf8)
        #expect(!text.contains("<b>") && !text.contains("\u{202e}"))
        // A folder with other files is refused.
        try FileManager.default.createDirectory(atPath: "\(other)2/x", withIntermediateDirectories: true)
        let refused = try Program.run(["gallery", place.outbox, "--out", "\(other)2"])
        #expect(refused.code == 73 && refused.errors.contains("neither empty nor a gallery"))
        #expect(try Program.run(["gallery", "\(other)3", "--out", other]).code == 66)
        let lock = try FolderLock(other)
        let busy = try Program.run(["gallery", place.outbox, "--out", other, "--json"])
        #expect(busy.code == 75)
        #expect(JSONValue(parsing: Array(busy.output.utf8))?["code"]?.string == "gallery.busy")
        withExtendedLifetime(lock) {}
        #expect(try Program.run(["gallery", "--state", place.state]).code == 64)
    }

    @Test(arguments: ["in/g", "out", "in"])
    func `a gallery in an inbox or the outbox is refused`(_ folder: String) throws {
        let place = try Place()
        let text =
            try String(contentsOfFile: place.config, encoding: .utf8)
            + "gallery: \(place.folder.path)/\(folder)\n"
        try text.write(toFile: place.config, atomically: true, encoding: .utf8)
        let run = try Program.run(["check-config", place.config])
        #expect(run.code == 78 && run.errors.contains("overlap"), "\(run.errors)")
    }
}
