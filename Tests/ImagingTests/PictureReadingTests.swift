import Failures
import Foundation
import Imaging
import Testing

/// The files of Pictures/ (make_pictures.py).
enum Pictures {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Pictures")

    static let all: [String] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path())) ?? []
        return names.filter { !$0.hasSuffix(".raw") }.sorted()
    }()

    static func bytes(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: folder.appending(path: name)))
    }

    /// What Pillow reads: samples of 8 bits, or 16 big-endian.
    static func expected(_ name: String) throws -> [UInt16] {
        let stem = String(name.prefix { $0 != "." })
        let raw = try bytes("\(stem).raw")
        guard stem.hasSuffix("16bit") else { return raw.map { UInt16($0) } }
        return stride(from: 0, to: raw.count, by: 2).map { UInt16(raw[$0]) << 8 | UInt16(raw[$0 + 1]) }
    }
}

@Suite struct PictureReadingTests {
    @Test(arguments: Pictures.all)
    func `every kind of file gives the samples that Pillow reads`(_ name: String) throws {
        let image = try Image(decoding: try Pictures.bytes(name))
        let expected = try Pictures.expected(name)
        let channels = image.alpha == nil ? 3 : 4
        #expect(expected.count == image.width * image.height * channels)
        #expect(image.depth == (name.contains("16bit") ? 16 : 8))
        var largest = 0
        for i in 0..<image.width * image.height {
            for c in 0..<3 {
                largest = max(largest, abs(Int(image.samples[3 * i + c]) - Int(expected[channels * i + c])))
            }
            if let alpha = image.alpha { #expect(alpha[i] == expected[channels * i + 3]) }
        }
        #expect(largest == 0, "largest difference \(largest)")
        #expect(image.format == (name.hasSuffix("png") ? .png : .jpeg))
    }

    @Test func `the fixtures cover all kinds of pictures`() { #expect(Pictures.all.count >= 34) }

    @Test(arguments: Pictures.all)
    func `a file cut off anywhere is an error, and never complete`(_ name: String) throws {
        let bytes = try Pictures.bytes(name)
        #expect(FileSignature.completeness(of: bytes) == .complete)
        // What stands behind the last row may be missing.
        let end = name.hasSuffix("png") ? Handmade.endOfSamples(bytes) : bytes.count - 2
        for count in stride(from: 0, to: end, by: 7) {
            let part = Array(bytes[..<count])
            let error = #expect(throws: Failure.self) { try Image(decoding: part) }
            if count > 8 {
                #expect(
                    ["image.truncated", "image.corrupt"].contains(error?.code ?? ""),
                    "\(count): \(error?.code ?? "")")
            }
            #expect(FileSignature.completeness(of: part) != .complete, "\(count) of \(bytes.count)")
        }
    }

    @Test(arguments: Pictures.all.filter { $0.hasSuffix("png") })
    func `checksums prove a complete PNG, and none with a changed byte or a hole`(_ name: String) throws {
        let bytes = try Pictures.bytes(name)
        #expect(FileSignature.isVouchedFor(bytes))
        #expect(!FileSignature.isVouchedFor(Array(bytes.dropLast(12))))
        for at in stride(from: 8, to: bytes.count - 12, by: 5) {
            var broken = bytes
            broken[at] ^= 0x10
            #expect(!FileSignature.isVouchedFor(broken), "\(at)")
        }
    }

    @Test(arguments: ["rgb8.png", "rgba16-16bit.png", "baseline.jpg", "progressive.jpg", "cmyk.jpg"])
    func `a file with broken bytes is read or refused, and nothing else happens`(_ name: String) throws {
        let good = try Pictures.bytes(name)
        var state: UInt64 = 3
        for _ in 0..<300 {
            var bytes = good
            for _ in 0..<3 {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                bytes[Int(state >> 33) % bytes.count] ^= UInt8(1 << (state >> 60 & 7))
            }
            do { #expect(try Image(decoding: bytes, limits: .init(shortestSide: 1)).width > 0) } catch {
                #expect(error.code.hasPrefix("image.") && !error.hint.isEmpty)
            }
        }
    }

    @Test func `the error of a file that is no PNG or JPEG names its kind`() {
        for (bytes, word) in [
            ("GIF89a……", "GIF"), ("RIFFxxxxWEBPVP8 ", "WebP"), ("%PDF-1.7", "PDF"), ("BM......", "BMP"),
            ("", "empty"), ("hello", "another kind"),
        ] {
            let error = #expect(throws: Failure.self) { try Image(decoding: Array(bytes.utf8)) }
            #expect(error?.code == "image.format")
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
            #expect(
                FileSignature.completeness(of: Array(bytes.utf8))
                    == (bytes.isEmpty ? .incomplete : .notAnImage))
        }
    }

    @Test func `a size beyond the limit is refused by its header alone`() throws {
        var bytes = try Pictures.bytes("rgb8.png")
        // a lying header: 60,000 × 60,000 pixels, with a right checksum
        bytes.replaceSubrange(16..<24, with: [0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60])
        bytes.replaceSubrange(29..<33, with: Handmade.crc(Array(bytes[12..<29])))
        #expect(#expect(throws: Failure.self) { try Image(decoding: bytes) }?.code == "image.too_large")
        let small = #expect(throws: Failure.self) {
            try Image(decoding: try Pictures.bytes("rgb8.png"), limits: .init(shortestSide: 64))
        }
        #expect(small?.code == "image.too_small")
        let limited = #expect(throws: Failure.self) {
            try Image(decoding: try Pictures.bytes("baseline.jpg"), limits: .init(pixels: 1000))
        }
        #expect(limited?.code == "image.too_large")
    }

    @Test func `the reader allocates no memory for a chunk that the file cannot hold`() throws {
        var bytes = try Pictures.bytes("rgb8-profile.png")
        let profile = try #require(bytes.indices.first { bytes[$0...].starts(with: Array("iCCP".utf8)) })
        bytes.replaceSubrange(profile - 4..<profile, with: [0x3b, 0, 0, 12])  // nearly a gigabyte
        let error = #expect(throws: Failure.self) { try Image(decoding: bytes) }
        #expect(error?.code == "image.truncated")
        #expect(error?.message.contains("a chunk reaches beyond the end") == true)
    }

    @Test func `a JPEG of thousands of scans is refused`() throws {
        // The first scan of a progressive file, again and again: each costs a pass over the picture.
        let bytes = try Pictures.bytes("progressive.jpg")
        let start = try #require(
            bytes.indices.first { $0 + 1 < bytes.count && bytes[$0] == 0xff && bytes[$0 + 1] == 0xda })
        let end = try #require(
            bytes.indices.dropFirst(start + 2).first {
                bytes[$0] == 0xff && bytes[$0 + 1] != 0 && !(0xd0...0xd7).contains(bytes[$0 + 1])
            })
        let scan = Array(bytes[start..<end])
        var bomb = Array(bytes[..<start])
        for _ in 0..<3000 { bomb += scan }
        bomb += [0xff, 0xd9]
        let error = #expect(throws: Failure.self) { try Image(decoding: bomb) }
        #expect(["image.too_large", "image.corrupt"].contains(error?.code ?? ""))
    }
}
