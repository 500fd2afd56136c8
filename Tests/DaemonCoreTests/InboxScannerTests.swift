import DurableFiles
import Foundation
import ServiceConfiguration
import SpecParser
import Testing
import TestSupport

@testable import DaemonCore

/// The scanner with the test's clock.
@Suite struct InboxScannerTests {
    private let scratch: ScratchFolder
    private var folder: String { scratch.path }
    private let files = PosixFileSystem()
    private let start = Date().timeIntervalSince1970

    init() throws { scratch = try ScratchFolder() }

    private func scanner() -> InboxScanner {
        InboxScanner(.init(path: folder, priority: 2), quiet: 1) { bytes in
            switch bytes.last {
            case UInt8(ascii: "!"): .complete
            case UInt8(ascii: "$"): .sealed
            default: .incomplete
            }
        }
    }

    private func write(_ name: String, _ text: String) throws {
        try files.replace("\(folder)/\(name)", Array(text.utf8), mode: 0o644)
    }

    @Test func `a pair is ready once both files are settled and complete`() throws {
        var scanner = scanner()
        try write("a.yaml", "prompt: x\npriority: 3\n")
        try write("a.png", "half")
        #expect(try scanner.scan(files, now: start).settling == ["a.yaml"])
        #expect(try scanner.scan(files, now: start + 1.5).settling == ["a.png"])
        try write("a.png", "whole!")
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSince1970: start + 1.55)], ofItemAtPath: "\(folder)/a.png")
        #expect(try scanner.scan(files, now: start + 1.6).pairs.isEmpty)
        let found = try scanner.scan(files, now: start + 3)
        #expect(found.pairs.map(\.spec) == ["a.yaml"])
        #expect(found.pairs.first?.priority == 5)
        #expect(found.waiting.isEmpty && found.settling.isEmpty)
    }

    @Test func `a spec that is still being written keeps the picture that it names`() throws {
        var scanner = scanner()
        try write("a.png", "!")
        try write("b.yaml", "image: a.png\nprompt: x\n")
        let found = try scanner.scan(files, now: start + 0.1)
        #expect(found.settling == ["b.yaml"] && found.named.contains("a.png"))
    }

    @Test(arguments: ["a.png.aria2", "a.png.part", "a.png.!qB", "a.png.lftp-pget-status", "a.yaml.aria2"])
    func `a file with a downloader's control file beside it waits`(_ control: String) throws {
        var scanner = scanner()
        try write("a.yaml", "prompt: x\n")
        try write("a.png", "whole$")
        try write(control, "")
        scanner.note(["a.png": .moved])
        let file = String(control.prefix { $0 != "." } + (control.hasPrefix("a.png") ? ".png" : ".yaml"))
        let found = try scanner.scan(files, now: start + 5)
        #expect(found.pairs.isEmpty && found.settling == [file] && found.downloads == [file: control])
        // A control file that stays delays no other file.
        let later = try scanner.scan(files, now: start + 40)
        #expect(later.pairs.isEmpty && later.settling.isEmpty && later.waiting[file] != nil)
        try files.remove("\(folder)/\(control)")
        #expect(try scanner.scan(files, now: start + 41).pairs.map(\.spec) == ["a.yaml"])
    }

    @Test func `orphans wait, and a file that a spec names is no orphan`() throws {
        var scanner = scanner()
        for (name, text) in [("one.yaml", "prompt: x\n"), ("two.png", "!"), ("m.png", "!"), ("c.png", "!")] {
            try write(name, text)
        }
        try write("s.yaml", "image: c.png\nmask: m.png\nprompt: x\n")
        let found = try scanner.scan(files, now: start + 2)
        #expect(Set(found.waiting.keys) == ["one.yaml", "two.png"])
        #expect(found.pairs.map(\.spec) == ["s.yaml"])
        #expect(found.pairs.first?.others == ["m.png"])
    }

    @Test func `a picture whose name differs in Unicode composition alone is named, with the way to mend it`()
        throws
    {
        defer { try? files.removeTree(folder) }
        var scanner = scanner()
        let (composed, decomposed) = ("m\u{e4}dchen", "ma\u{308}dchen")
        func write(_ name: String, _ text: String) throws {
            try files.replace("\(folder)/\(PathCoding.text(of: name))", Array(text.utf8), mode: 0o644)
        }
        try write("\(decomposed).PNG", "!")
        try write("\(composed).yaml", "prompt: x\n")
        try write("other.yaml", "image: \(composed).PNG\nprompt: x\n")
        try write("cat.yaml", "prompt: x\n")
        let found = try scanner.scan(files, now: start + 2)
        let picture = PathCoding.text(of: "\(decomposed).PNG")
        #expect(
            found.lookalikes == [
                "\(composed).yaml": .init(file: picture, wanted: "\(composed).png"),
                "other.yaml": .init(file: picture, wanted: "\(composed).PNG"),
            ])
        let sentence = try #require(found.lookalikes["\(composed).yaml"]).sentence(in: "/in")
        #expect(sentence.contains("differs only in Unicode composition"))
        // The command works when it is pasted: it has the names' own bytes.
        #expect(Array(sentence.utf8).suffix(100).contains(0xcc))
        #expect(sentence.hasSuffix("mv '/in/\(decomposed).PNG' '/in/\(composed).png'"))
    }

    @Test func `a picture whose name differs in capitals, and a spec with a hidden ending, are named`() throws
    {
        defer { try? files.removeTree(folder) }
        var scanner = scanner()
        for name in ["cat.JPG", "dog.png", "fox.png", "owl.png"] { try write(name, "!") }
        try write("smile.yaml", "image: cat.jpg\nprompt: x\n")
        for name in ["dog.yaml.txt", "fox.json.RTF", "owl.txt", "readme.txt"] {
            try write(name, "prompt: x\n")
        }
        let found = try scanner.scan(files, now: start + 2).lookalikes
        #expect(
            found == [
                "smile.yaml": .init(file: "cat.JPG", wanted: "cat.jpg"),
                "dog.png": .init(file: "dog.yaml.txt", wanted: "dog.yaml"),
                "fox.png": .init(file: "fox.json.RTF", wanted: "fox.json"),
            ])
        #expect(
            found["smile.yaml"]?.sentence(in: "/in")
                == "cat.JPG lies beside it, and its name differs only in capitals. Rename it: mv '/in/cat.JPG' '/in/cat.jpg'"
        )
        #expect(
            found["dog.png"]?.sentence(in: "/in")
                == "dog.yaml.txt lies beside it, and it ends in .txt, which some systems do not show. Rename it: mv '/in/dog.yaml.txt' '/in/dog.yaml'"
        )
    }

    @Test
    func `a spec that does not parse gets three times the quiet time, an incomplete picture thirty times`()
        throws
    {
        var scanner = scanner()
        try write("bad.yaml", "prompt: [")
        try write("bad.png", "!")
        try write("cut.yaml", "prompt: x\n")
        try write("cut.png", "no end")
        #expect(try scanner.scan(files, now: start + 0.1).pairs.isEmpty)
        #expect(try scanner.scan(files, now: start + 2).pairs.isEmpty)
        #expect(try scanner.scan(files, now: start + 4).pairs.map(\.spec) == ["bad.yaml"])
        #expect(try scanner.scan(files, now: start + 20).settling == ["cut.png"])
        #expect(try scanner.scan(files, now: start + 40).pairs.map(\.spec) == ["bad.yaml", "cut.yaml"])
    }

    @Test func `a clock behind a file's timestamp does not block the file for ever`() throws {
        var scanner = scanner()
        try write("a.yaml", "prompt: x\n")
        try write("a.png", "!")
        #expect(try scanner.scan(files, now: start - 1000).pairs.isEmpty)
        #expect(try scanner.scan(files, now: start - 998.5).pairs.map(\.spec) == ["a.yaml"])
    }

    @Test func `a symbolic link is never followed`() throws {
        var scanner = scanner()
        try write("a.yaml", "prompt: x\n")
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder)/a.png", withDestinationPath: "/etc/hostname")
        let found = try scanner.scan(files, now: start + 5)
        #expect(found.pairs.isEmpty)
        #expect(Array(found.waiting.keys) == ["a.yaml"])
    }

    /// The number of pairs that a scan finds ready after events about both files.
    private func ready(_ spec: (String, String), _ picture: String, _ arrival: Arrival) throws -> Int {
        var scanner = scanner()
        try write(spec.0, spec.1)
        try write("a.png", picture)
        scanner.note([spec.0: arrival, "a.png": arrival])
        return try scanner.scan(files, now: start).pairs.count
    }

    @Test(arguments: [
        // Renamed in: at once if complete.
        (("a.yaml", "prompt: x\n"), "!", Arrival.moved, 1), (("a.yaml", "prompt: x\n"), "half", .moved, 0),
        (("a.yaml", "prompt: ["), "!", .moved, 0),
        // Closed: at once only if the content shows its end.
        (("a.json", "{\"prompt\": \"x\"}\n"), "$", .closed, 1),
        (("a.yaml", "prompt: x\n...\n"), "$", .closed, 1),
        (("a.yaml", "prompt: x\n"), "$", .closed, 0), (("a.json", "{\"prompt\": \"x\"}"), "!", .closed, 0),
        (("a.yaml", "prompt: x ...\n"), "$", .closed, 0),
    ])
    func `a file that was moved in or closed after writing needs no quiet time`(
        _ spec: (String, String), _ picture: String, _ arrival: Arrival, _ count: Int
    ) throws {
        #expect(try ready(spec, picture, arrival) == count, "\(spec) \(picture) \(arrival)")
    }

    @Test func `an event settles neither a file that is open for writing nor one that changed afterwards`()
        throws
    {
        var scanner = scanner()
        try write("a.json", "{\"prompt\": \"x\"}")
        try write("a.png", "$")
        let writer = try FileHandle(forUpdating: URL(filePath: "\(folder)/a.png"))
        scanner.note(["a.json": .moved, "a.png": .moved])
        #expect(try scanner.scan(files, now: start).settling == ["a.png"])
        #expect(try scanner.scan(files, now: start + 5).settling == ["a.png"])
        try writer.close()
        scanner.note(["a.png": .closed])
        #expect(try scanner.scan(files, now: start + 6).pairs.count == 1)
        // Changed since, without an event yet: the quiet time starts again.
        try write("a.png", "another$")
        #expect(try scanner.scan(files, now: start + 0.1).pairs.isEmpty)
        // The daemon's own moves deliver nothing.
        scanner.movedBack("a.json")
        scanner.note(["a.json": .moved, "a.png": .closed])
        #expect(try scanner.scan(files, now: start + 0.1).settling == ["a.json"])
    }

    /// A process may change a mapped file without a change of its timestamp.
    @Test func `a file that stays open settles once its content has not changed for long`() throws {
        var scanner = scanner()
        try write("a.yaml", "prompt: x\n")
        try write("a.png", "part of it!")
        let path = "\(folder)/a.png"
        let writer = try FileHandle(forUpdating: URL(filePath: path))
        defer { try? writer.close() }
        let then = Date(timeIntervalSince1970: (start - 100).rounded())
        try FileManager.default.setAttributes([.modificationDate: then], ofItemAtPath: path)
        _ = try scanner.scan(files, now: start)  // from now on; the spec is not yet quiet
        for second in 1..<20 {
            #expect(try scanner.scan(files, now: start + Double(second)).settling == ["a.png"])
        }
        try writer.write(contentsOf: Data("all".utf8))
        try FileManager.default.setAttributes([.modificationDate: then], ofItemAtPath: path)
        for second in 20..<35 {
            #expect(try scanner.scan(files, now: start + Double(second)).settling == ["a.png"])
        }
        #expect(try scanner.scan(files, now: start + 36).pairs.count == 1)
    }
}
