import Failures
import Foundation
import Imaging
import Testing

/// What the libraries warn of is an error, a note, or counted: never only passed over.
@Suite struct DamageTests {
    static let jpegs = Pictures.all.filter { $0.hasSuffix("jpg") }

    @Test(arguments: jpegs) func `a JPEG with all rows and no end marker is whole, with a note`(
        _ name: String
    ) throws {
        let bytes = try Pictures.bytes(name)
        let whole = try Image(decoding: bytes)
        for tail in [
            [],
            Array(
                "SEFH, as some phones write it behind a picture: \(String(repeating: "text ", count: 400))SEFT"
                    .utf8),
        ] {
            let cut = Array(bytes.dropLast(2)) + tail
            #expect(FileSignature.completeness(of: cut) == .complete)
            let image = try Image(decoding: cut)
            #expect(image.samples == whole.samples)
            #expect(image.notes.contains("the file has no end marker; all of the picture's rows are there"))
        }
    }

    @Test(arguments: Pictures.all.filter { $0.hasSuffix("png") })
    func `a PNG with all rows and no end is whole, with a note`(_ name: String) throws {
        let bytes = try Pictures.bytes(name)
        let whole = try Image(decoding: bytes)
        let end = Handmade.endOfSamples(bytes)
        for count in [end, end + 3, end + 4, end + 9, bytes.count - 1] {
            let cut = Array(bytes[..<count])
            #expect(FileSignature.completeness(of: cut) == .complete, "\(count) of \(bytes.count)")
            let image = try Image(decoding: cut)
            #expect(image.samples == whole.samples && image.alpha == whole.alpha)
            #expect(
                image.notes.filter { $0 != "the file has no end marker; all of the picture's rows are there" }
                    .count == image.notes.count - 1)
        }
        // Zeros after the rows are no end.
        let zeros = bytes[..<(end - 1)] + [UInt8](repeating: 0, count: 3000)
        #expect(FileSignature.completeness(of: Array(zeros)) == .incomplete)
        #expect(throws: Failure.self) { try Image(decoding: Array(zeros)) }
    }

    @Test(arguments: jpegs) func `a JPEG with zeros instead of its end is incomplete`(_ name: String) throws {
        let bytes = try Pictures.bytes(name)
        let zeros = [UInt8](repeating: 0, count: 3000)
        for cut in [bytes.count - 2, bytes.count - 40, bytes.count * 3 / 4] {
            let part = Array(bytes[..<cut]) + zeros
            #expect(FileSignature.completeness(of: part) == .incomplete, "\(cut) of \(bytes.count)")
            #expect(throws: Failure.self) { try Image(decoding: part) }
        }
        let nothing = FileSignature.completeness(of: zeros)
        #expect(nothing == .incomplete)
    }

    @Test func `a hole of zeros in a scan is damage, and the daemon waits for its content`() throws {
        let bytes = try Pictures.bytes("baseline.jpg")
        let middle = bytes.count - 300
        let hole = Array(bytes[..<middle]) + [UInt8](repeating: 0, count: 600) + bytes[middle...]
        #expect(FileSignature.completeness(of: hole) == .incomplete)
        let error = #expect(throws: Failure.self) { try Image(decoding: hole) }
        #expect(error?.code == "image.corrupt")
        #expect(error?.message.contains("a hole of zeros within the scan") == true)
    }

    @Test func `a plain picture's scan of zeros is no hole`() throws {
        let plain = Image(width: 640, height: 640, samples: Array(repeating: 90, count: 640 * 640 * 3))
        let bytes = try plain.jpegBytes(quality: 95)
        #expect(bytes.split(separator: 0, omittingEmptySubsequences: false).count > 600)
        #expect(FileSignature.completeness(of: bytes) == .complete)
        #expect(try Image(decoding: bytes).notes.isEmpty)
    }

    @Test(arguments: ["baseline.jpg", "progressive.jpg", "grey.jpg"])
    func `a few bytes that no decoder uses are noted, thousands are damage`(_ name: String) throws {
        let bytes = try Pictures.bytes(name)
        func with(_ count: Int) -> [UInt8] {
            var unused = [UInt8](repeating: 7, count: count)
            for i in stride(from: 0, to: count, by: 50) { (unused[i], unused[i + 1]) = (0xff, 0) }
            return Array(bytes.dropLast(2)) + unused + Array(bytes.suffix(2))
        }
        let image = try Image(decoding: with(40))
        #expect(image.samples == (try Image(decoding: bytes).samples))
        #expect(image.notes.count == 1 && image.notes[0].contains(" extraneous bytes"), "\(image.notes)")
        let error = #expect(throws: Failure.self) { try Image(decoding: with(4000)) }
        #expect(error?.code == "image.corrupt" && error?.message.contains(" extraneous bytes") == true)
    }

    @Test func `a progressive JPEG without its last scan and end marker is truncated`() throws {
        let bytes = try Pictures.bytes("progressive.jpg")
        let last = try #require(
            bytes.indices.last { $0 + 1 < bytes.count && bytes[$0] == 0xff && bytes[$0 + 1] == 0xda })
        let part = Array(bytes[..<last])
        #expect(FileSignature.completeness(of: part) == .incomplete)
        #expect(#expect(throws: Failure.self) { try Image(decoding: part) }?.code == "image.truncated")
    }

    @Test func `a PNG with a hole is incomplete, one with a wrong byte is damaged`() throws {
        var samples = [UInt16](repeating: 0, count: 64 * 64 * 3)
        var state: UInt32 = 1
        for i in samples.indices {
            state = state &* 1_664_525 &+ 1_013_904_223
            samples[i] = UInt16(state >> 24)
        }
        var bytes = try Image(width: 64, height: 64, samples: samples).pngBytes()
        bytes[5000] ^= 1
        #expect(FileSignature.completeness(of: bytes) == .complete)
        #expect(#expect(throws: Failure.self) { try Image(decoding: bytes) }?.code == "image.corrupt")
        bytes.replaceSubrange(2000..<6096, with: [UInt8](repeating: 0, count: 4096))
        #expect(FileSignature.completeness(of: bytes) == .incomplete)
        #expect(throws: Failure.self) { try Image(decoding: bytes) }
    }

    @Test func `a broken transparency is an error, another broken chunk a note`() throws {
        func changed(_ name: String, _ bytes: [UInt8]) throws -> [UInt8] {
            let at = try #require(bytes.indices.first { bytes[$0...].starts(with: Array(name.utf8)) })
            var changed = bytes
            changed[at + 4] ^= 1
            return changed
        }
        let clear = try changed("tRNS", Pictures.bytes("palette8-alpha.png"))
        #expect(#expect(throws: Failure.self) { try Image(decoding: clear) }?.code == "image.corrupt")
        let plain = try Image(decoding: Pictures.bytes("rgb8.png"))
        let text = try changed("tEXt", Handmade.png(plain, [("tEXt", Array("a\0b".utf8))]))
        let image = try Image(decoding: text)
        #expect(image.notes == ["the decoder passed over a fault in the file: tEXt: CRC error"])
        #expect(image.samples == plain.samples)
    }

    @Test func `inks are inverted with Adobe's marker, and plain without it`() throws {
        let folder = Pictures.folder.deletingLastPathComponent().appending(path: "Cases")
        func read(_ name: String) throws -> Image {
            try Image(decoding: Array(Data(contentsOf: folder.appending(path: name))))
        }
        let (inks, reference) = (try read("plain-cmyk.jpg"), try read("plain-cmyk-reference.png"))
        let differences = zip(inks.samples, reference.samples).map { abs(Int($0) - Int($1)) }
        #expect(Double(differences.reduce(0, +)) / Double(differences.count) < 2)
        #expect(
            inks.notes == ["the picture's inks (CMYK) become RGB, by their plain complement and no profile"])
        // The same inks, inverted and with the marker, come out the same.
        let marked = try Pictures.bytes("cmyk.jpg")
        let at = try #require(marked.indices.first { marked[$0...].starts(with: [0xff, 0xee]) })
        let unmarked = Array(marked[..<at] + marked[(at + 16)...])
        let (a, b) = (try Image(decoding: marked), try Image(decoding: unmarked))
        #expect(a.samples != b.samples && a.samples.count == b.samples.count)
    }
}
