import DurableFiles
import Foundation
import JobFiles
import Testing
import TestSupport

@testable import DaemonCore

/// Names as bytes: all of them survive the round trip, and different ones stay different.
@Suite struct PathCodingTests {
    @Test func `a path is split by its bytes, whether or not a listing made it`() {
        for name in ["\u{301}x.png", "\u{338}", "\r\n", "e\u{301}"] {
            #expect(Array(lastComponent("/in/\(name)").utf8) == Array(name.utf8))
            #expect(parent("/in/\(name)") == "/in")
        }
        #expect(parent("x") == "." && parent("/x") == "/" && lastComponent("/x/") == "x")
    }

    @Test func `a name with a suffix fits the file system's limit and stays unique`() {
        var made: Set<String> = []
        for stem in ["n", "\u{e9}", "\u{65e5}"] {
            for count in 1...255 where stem.utf8.count * count <= 255 {
                let name = String(repeating: stem, count: count)
                for n in 1...3 {
                    let numbered = numberedName(name, n, count < 200 ? ".png" : "")
                    #expect(PathCoding.bytes(numbered).count <= max(255, name.utf8.count + 4))
                    #expect(
                        PathCoding.bytes(numbered).starts(with: stem.utf8) && made.insert(numbered).inserted)
                }
                let marked = fileName(".1-1-abcdef-1.", name, ".whole")
                #expect(PathCoding.bytes(marked).count <= 255 && made.insert(marked).inserted)
                #expect(marked.hasPrefix(".1-1-abcdef-1.") && marked.hasSuffix(".whole"))
                #expect(PathCoding.text(PathCoding.bytes(marked)) == marked)
            }
        }
        #expect(numberedName("cat", 1, ".png") == "cat.png" && numberedName("cat", 2, ".png") == "cat.2.png")
        #expect(fileName(".", "cat", ".tmp") == ".cat.tmp")
    }

    @Test func `displayed names have no control characters, and resolved paths have the form of listed ones`()
        throws
    {
        #expect(PathCoding.onOneLine("a\r\nb\u{1b}[2J\u{9b}\u{7f}") == "a\\x0D\\x0Ab\\x1B[2J\\xC2\\x9B\\x7F")
        #expect(PathCoding.onOneLine(PathCoding.text([0x61, 0xe9, 0x0a])) == "a\\xE9\\x0A")
        let folder = FileManager.default.temporaryDirectory.appending(path: "clipdragd-\(UUID().uuidString)")
            .path(percentEncoded: false)
        let files = PosixFileSystem()
        defer { try? files.removeTree(folder) }
        let name = PathCoding.text([0x63, 0xe9])
        try files.createDirectory("\(folder)/\(name)")
        let real = try #require(PathCoding.resolved("\(folder)/./\(name)/.."))
        #expect(PathCoding.resolved("\(folder)/\(name)") == "\(real)/\(name)")
        #expect(PathCoding.resolved("\(folder)/none") == nil && PathCoding.resolved("/") == "/")
    }

    @Test func `every byte name survives the round trip, and no two names give the same string`() {
        var seed = SplitMix(state: 14)
        var names: [[UInt8]: String] = [:]
        // Whole characters, parts of them, combining marks, composed and decomposed forms, the private range itself.
        let parts =
            [
                "a", "e", ".", "~", "é", "e\u{301}", "\u{301}", "\u{338}", "\u{600}", "1\u{fe0f}\u{20e3}",
                "日本",
                "\u{10F7E9}", "\u{200d}", "\r\n", "\u{212b}", " ",
            ].map { Array($0.utf8) } + [[0xe9], [0xc3], [0xff, 0xfe], [0xf4, 0x8f], [0x80], [0x0a], [0x5c]]
        for _ in 0..<5000 {
            let name = (0..<Int.random(in: 1...6, using: &seed)).flatMap { _ in
                parts.randomElement(using: &seed) ?? []
            }
            let text = PathCoding.text(name)
            #expect(PathCoding.bytes(text) == name)
            #expect(String(validating: Array(text.utf8), as: UTF8.self) != nil)
            // Its encoding adds no slash to a path.
            #expect(lastComponent("/in/\(text)") == text && parent("/in/\(text)") == "/in", "\(name)")
            names[name] = text
        }
        #expect(names.count > 3000 && Set(names.values).count == names.count)
    }

    @Test func `displayed names keep their readable parts`() {
        #expect(PathCoding.shown(PathCoding.text([0x63, 0x61, 0x66, 0xe9])) == "caf\\xE9")
        #expect(PathCoding.shown(PathCoding.text(Array("cafe\u{301}".utf8))) == "cafe\u{301}")
        #expect(PathCoding.text(Array("café".utf8)) == "café")
    }

    @Test func `an exact picture name wins over an equal stem, and an equal stem over one in other capitals`()
    {
        let index = PictureIndex(["a.png", "a.jpg", "b.png", "B.jpg", "C.PNG", "c.jpg", "D.jpg"])
        #expect(index.candidates(for: "a.png.yaml") == ["a.png"])
        #expect(index.candidates(for: "a.yaml") == ["a.png", "a.jpg"])
        #expect(index.candidates(for: "b.yaml") == ["b.png"])
        #expect(index.candidates(for: "C.json") == ["C.PNG"])
        #expect(index.candidates(for: "d.yml") == ["D.jpg"])
        #expect(index.candidates(for: "e.yaml").isEmpty)
    }

    @Test func `a bind mount and the paths below it resolve to the bound folder`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "clipdragd-\(UUID().uuidString)")
            .path(percentEncoded: false)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for name in ["in/sub", "bound here", "apart"] {
            try FileManager.default.createDirectory(
                atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
        }
        let real = try #require(realpath(folder, nil).map { String(cString: $0) })
        let escaped = "\(real)/bound here".replacingOccurrences(of: " ", with: "\\040")
        let table = """
            1 0 8:1 / / rw - ext4 /dev/a rw
            2 1 8:1 \(real)/in/sub \(escaped) rw - ext4 /dev/a rw
            """
        func place(_ name: String) -> FolderPlace {
            FolderPlace("\(folder)/\(name)", mounts: Array(table.utf8))
        }
        #expect(place("bound here") == place("in/sub"))
        #expect(place("bound here/not yet there").overlaps(place("in")))
        #expect(!place("apart").overlaps(place("in")) && !place("input").overlaps(place("in")))
    }
}
