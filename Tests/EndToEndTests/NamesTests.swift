import DurableFiles
import Foundation
import JSON
import Testing

/// File names with the real daemon: bytes, lookalikes, collisions, links, folders.
@Suite struct NamesTests {
    private static let spec = Array("prompt: a cat\n".utf8)

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test(arguments: [
        Array("caf".utf8) + [0xe9],  // Latin-1
        [0xff, 0xfe, 0x41],
        Array("two\nlines".utf8),
        Array("-rf".utf8),
        Array("e\u{301}".utf8),
        Array("日本".utf8),
        Array(repeating: 0xc3, count: 200),
        Array("a b'\"$(x)\\".utf8),
    ])
    func `a pair of any name is published under its own bytes, and the worker's arguments keep them`(
        _ stem: [UInt8]
    ) throws {
        let place = try Place()
        try place.drop(Place.picture, as: stem + bytes(".png"))
        try place.drop(Self.spec, as: stem + bytes(".yaml"))
        #expect(try place.runOnce() == 0)
        #expect(try place.rawNames(place.outbox) == [stem])
        let result = "\(place.outbox)/\(PathCoding.text(stem))/result.png"
        #expect(try PosixFileSystem().read(result) == Place.picture)
        let archive = try place.rawNames("\(place.inbox)/archive")
        #expect(archive == [stem + bytes(".png"), stem + bytes(".yaml")])
        // Displayed text is UTF-8.
        let listed = try Program.run(["list", "--state", place.state])
        #expect(listed.code == 0 && listed.output.contains("published"))
        #expect(listed.output.contains(PathCoding.onOneLine(PathCoding.text(stem))))
    }

    @Test func `the real worker reads a spec whose name is no UTF-8 and names it in its error`() throws {
        let place = try Place()
        let name = bytes("caf") + [0xe9]
        try place.drop(Place.picture, as: name + bytes(".png"))
        try place.drop(bytes("promt: a cat\n"), as: name + bytes(".yaml"))
        let daemon = try Program.start(place.arguments + ["--once"])
        daemon.waitUntilExit()
        #expect(daemon.terminationStatus == 75)
        let failed = "\(place.inbox)/failed/\(PathCoding.text(name))"
        let error = try #require(JSONValue(parsing: try PosixFileSystem().read("\(failed)/error.json")))
        #expect(error["code"]?.string == "spec.unknown_key")
        #expect(error["file"]?.string == "caf\\xE9.yaml")
        // The picture waits for a corrected spec.
        #expect(try place.rawNames(place.inbox).contains(name + bytes(".png")))
        let explained = try PosixFileSystem().list(place.inbox).map(\.name).filter { $0.hasSuffix(".png") }
        #expect(explained.count == 1)
    }

    @Test func `names that look alike but have different bytes are two jobs`() throws {
        let place = try Place()
        let twins = [bytes("\u{e9}t\u{e9}"), bytes("e\u{301}te\u{301}")]
        for (i, twin) in twins.enumerated() {
            try place.drop(Place.picture + [UInt8(i)], as: twin + bytes(".png"))
            try place.drop(Self.spec, as: twin + bytes(".yaml"))
        }
        #expect(try place.runOnce() == 0)
        #expect(try place.rawNames(place.outbox) == Set(twins))
        for (i, twin) in twins.enumerated() {
            let result = "\(place.outbox)/\(PathCoding.text(twin))/result.png"
            #expect(try PosixFileSystem().read(result).last == UInt8(i))
        }
        #expect(try place.rawNames("\(place.inbox)/archive").count == 4)
    }

    @Test func `a spec takes the picture whose name has its own bytes`() throws {
        let place = try Place()
        try place.drop(Place.picture, as: bytes("e\u{301}.png"))
        try place.drop(bytes("image: \u{e9}.png\nprompt: a cat\n"), as: bytes("x.yaml"))
        #expect(try place.runOnce() == 75)
        #expect(try place.rawNames(place.inbox) == [bytes("e\u{301}.png"), bytes("x.yaml")])
        try place.drop(Place.picture, as: bytes("\u{e9}.png"))
        #expect(try place.runOnce() == 75)  // the lookalike stays, as a half
        #expect(try place.rawNames(place.outbox) == [bytes("x")])
        #expect(try place.rawNames(place.inbox) == [bytes("archive"), bytes("e\u{301}.png")])
    }

    @Test
    func
        `a stem with two pictures is an error that names both; an exact name, or a spec that names one, runs`()
        throws
    {
        let place = try Place()
        for name in ["a.png", "a.jpg", "b.png"] { try place.drop(picture: name) }
        try place.drop(spec: "a.yaml")
        try place.drop(spec: "b.yaml")
        let why = try Program.run([
            "explain", "\(place.inbox)/a.jpg", "--config", place.config, "--state", place.state,
        ])
        #expect(why.output.contains("a.jpg"))
        #expect(try place.runOnce() == 75)
        #expect(place.names(place.outbox) == ["b"])
        let error = try #require(place.json("\(place.inbox)/failed/a/error.json"))
        #expect(error["code"]?.string == "spec.ambiguous_image")
        #expect(error["message"]?.string?.contains("a.jpg, a.png") == true)
        #expect(error["hint"]?.string?.contains("image: a.jpg") == true)
        #expect(!place.started.contains("a.yaml"))
        // Both pictures are still there.
        try place.drop(spec: "a.png.yaml")
        try place.drop(spec: "which.yaml", "image: a.jpg\nprompt: x\n")
        #expect(try place.runOnce() == 0)
        #expect(place.names(place.outbox) == ["a.png", "b", "which"])
        #expect(place.names(place.inbox) == ["archive", "failed"])
        let check = try Program.run(["check", "\(place.inbox)/failed/a/a.yaml"])
        #expect(check.code == 0)
    }

    @Test func `check names both pictures of an ambiguous spec`() throws {
        let place = try Place()
        for name in ["a.png", "a.jpg"] { try place.drop(picture: name) }
        try place.drop(spec: "a.yaml", "prompt: a cat\n")
        let (code, _, errors) = try Program.run(["check", "\(place.inbox)/a.yaml"])
        #expect(code == 65)
        #expect(errors.contains("fits 2 pictures: a.jpg, a.png"))
    }

    @Test
    func `the daemon processes each name of a hard-linked file, and leaves names outside the inbox alone`()
        throws
    {
        let place = try Place()
        let daemon = try place.start()
        let apart = "\(place.folder.path)/apart.png"
        try PosixFileSystem().create(apart, Place.picture, mode: 0o644)
        for name in ["a", "b"] {
            try place.drop(spec: "\(name).yaml")
            try PosixFileSystem().linkOrCopy(apart, to: "\(place.inbox)/\(name).png")
        }
        place.wait("both") { place.names(place.outbox) == ["a", "b"] }
        place.wait("archive") { place.names("\(place.inbox)/archive").count == 4 }
        daemon.terminate()
        daemon.waitUntilExit()
        #expect(place.started.count == 2)
        #expect(try PosixFileSystem().read(apart) == Place.picture)
        #expect(try PosixFileSystem().status(apart)?.links == 3)  // the archive's two, and this
    }

    @Test
    func
        `the daemon does not touch a folder in the inbox, explain says so, and files moved out of it are processed`()
        throws
    {
        let place = try Place()
        let files = PosixFileSystem()
        try files.createDirectory("\(place.folder.path)/set.png")
        for (name, content) in [("x.png", Place.picture), ("x.yaml", Self.spec)] {
            try files.create("\(place.folder.path)/set.png/\(name)", content, mode: 0o644)
        }
        let daemon = try place.start()
        place.wait("the start") { place.json("\(place.state)/status.json") != nil }
        try files.rename("\(place.folder.path)/set.png", to: "\(place.inbox)/set.png")
        try place.drop(picture: "y.png")
        try place.drop(spec: "y.yaml")
        place.wait("the neighbour") { place.names(place.outbox) == ["y"] }
        #expect(place.names("\(place.inbox)/set.png") == ["x.png", "x.yaml"])
        let why = try Program.run(["explain", "\(place.inbox)/set.png", "--config", place.config])
        #expect(why.output.contains("folders are never touched"))
        for name in ["x.png", "x.yaml"] {
            try files.rename("\(place.inbox)/set.png/\(name)", to: "\(place.inbox)/\(name)")
        }
        place.wait("its files") { place.names(place.outbox) == ["x", "y"] }
        daemon.terminate()
        daemon.waitUntilExit()
    }

    @Test
    func `run and check-config refuse an outbox that lies in an inbox through a symbolic link`()
        throws
    {
        let place = try Place()
        let files = PosixFileSystem()
        try files.createDirectory("\(place.inbox)/below")
        try FileManager.default.createSymbolicLink(
            atPath: "\(place.folder.path)/away", withDestinationPath: "\(place.inbox)/below")
        for outbox in ["\(place.folder.path)/away", "\(place.folder.path)/away/deeper"] {
            let arguments = [
                "run", "--once", "--inbox", place.inbox, "--outbox", outbox, "--state", place.state,
            ]
            let (code, _, errors) = try Program.run(arguments)
            #expect(code == 78)
            #expect(errors.contains("overlap"))
        }
        let config = "\(place.folder.path)/bad.yaml"
        func check(_ text: String) throws -> (code: Int32, output: String, errors: String) {
            try Data(text.utf8).write(to: URL(filePath: config))
            return try Program.run(["check-config", config])
        }
        let linked = "inboxes: [{path: \(place.inbox)}]\noutbox: \(place.folder.path)/away\n"
        #expect(try check(linked).code == 78)
        let looped = "inboxes: [{path: \(place.inbox)}]\noutbox: \(place.outbox)\narchive: \(place.inbox)\n"
        let refused = try check(looped)
        #expect(refused.code == 78 && refused.errors.contains("would be new work"))
        #expect(try check("inboxes: [{path: \(place.inbox)}]\noutbox: \(place.outbox)\n").code == 0)
    }
}
