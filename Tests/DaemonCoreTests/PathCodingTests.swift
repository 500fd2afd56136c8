import Foundation
import JobFiles
import Testing

@testable import DaemonCore

/// Names as bytes: whatever they are, they come back, and different ones stay different.
@Suite struct PathCodingTests {
    @Test func `every name of bytes comes back as it was, and no two are one string`() {
        var seed = SplitMix(state: 14)
        var names: [[UInt8]: String] = [:]
        // Whole characters, halves of them, marks that join, composed and not, the private range itself.
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
            // In a path it hides no slash.
            #expect(lastComponent("/in/\(text)") == text && parent("/in/\(text)") == "/in", "\(name)")
            names[name] = text
        }
        #expect(names.count > 3000 && Set(names.values).count == names.count)
    }

    @Test func `people see what can be read of a name`() {
        #expect(PathCoding.shown(PathCoding.text([0x63, 0x61, 0x66, 0xe9])) == "caf\\xE9")
        #expect(PathCoding.shown(PathCoding.text(Array("cafe\u{301}".utf8))) == "cafe\u{301}")
        #expect(PathCoding.text(Array("café".utf8)) == "café")
    }

    @Test func `of pictures the exact name wins over the stem, and the stem over one in other capitals`() {
        let index = PictureIndex(["a.png", "a.jpg", "b.png", "B.jpg", "C.PNG", "c.jpg", "D.jpg"])
        #expect(index.candidates(for: "a.png.yaml") == ["a.png"])
        #expect(index.candidates(for: "a.yaml") == ["a.png", "a.jpg"])
        #expect(index.candidates(for: "b.yaml") == ["b.png"])
        #expect(index.candidates(for: "C.json") == ["C.PNG"])
        #expect(index.candidates(for: "d.yml") == ["D.jpg"])
        #expect(index.candidates(for: "e.yaml").isEmpty)
    }

    @Test func `a bind mount and what lies below it are the folder that is bound`() throws {
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

/// A generator of the same numbers on every run.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}
