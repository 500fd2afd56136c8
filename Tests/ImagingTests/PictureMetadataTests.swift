import Failures
import Foundation
import Imaging
import Testing

@Suite struct PictureMetadataTests {
    let plain = Image(width: 40, height: 32, samples: (0..<40 * 32 * 3).map { UInt16($0 * 7 % 256) })
    var jpeg: [UInt8] { get throws { try plain.jpegBytes(quality: 90) } }

    private func withProfile(_ profile: [UInt8]) throws -> [UInt8] {
        try Handmade.png(plain, [("iCCP", Array("a\0".utf8) + [0] + Handmade.stored(profile))])
    }

    // MARK: Profiles

    @Test func `a profile comes from PNG and JPEG and goes into both`() throws {
        let profile = Handmade.profile()
        let parts = Handmade.profileParts(profile, numbers: [(1, 2), (2, 2)])
        for bytes in [try withProfile(profile), Handmade.jpeg(try jpeg, parts)] {
            let image = try Image(decoding: bytes)
            #expect(image.colours.profile == profile && image.notes.isEmpty)
            #expect(try Image(decoding: image.pngBytes()).colours.profile == profile)
            #expect(try Image(decoding: image.jpegBytes(quality: 80)).colours.profile == profile)
        }
    }

    static let refused: [[UInt8]] = [
        Handmade.profile(space: "GRAY"), Handmade.profile(space: "CMYK"),
        Handmade.profile(illuminant: 0x10000), Handmade.profile(length: 4000),
        Handmade.profile(intent: 70000), Array(Handmade.profile()[..<100]),
        Array("no profile at all, only some words of enough bytes".utf8),
    ]

    @Test(arguments: refused)
    func `a profile that libpng refuses is dropped when it is read, with libpng's words`(_ profile: [UInt8])
        throws
    {
        let parts = Handmade.profileParts(profile, numbers: [(1, 1)])
        for bytes in [try withProfile(profile), Handmade.jpeg(try jpeg, parts)] {
            let image = try Image(decoding: bytes)
            #expect(image.colours.profile.isEmpty)
            let note = try #require(image.notes.first)
            #expect(note.hasPrefix("the picture's colour profile is not kept: libpng refuses it ("))
            #expect(note.contains("profile 'ICC profile': "))
            _ = try image.pngBytes()
        }
    }

    @Test func `libpng's words reach the error when it refuses to write`() throws {
        var image = plain
        image.colours.profile = Handmade.profile(illuminant: 0x10000)
        let error = #expect(throws: Failure.self) { try image.pngBytes() }
        #expect(error?.code == "image.encoding")
        #expect(error?.message.contains("PCS illuminant is not D50") == true, "\(error?.message ?? "")")
    }

    static let misfits: [([(UInt8, UInt8)], String)] = [
        ([(1, 2)], "1 of its 2 parts are missing"),
        ([(1, 2), (1, 2), (2, 2)], "part 1 of it is there twice"),
        ([(0, 2), (2, 2)], "a part of it has the number 0 of 2"),
        ([(1, 2), (2, 3)], "its parts disagree how many there are"),
        ([(3, 2), (1, 2), (2, 2)], "a part of it has the number 3 of 2"),
    ]

    @Test(arguments: misfits)
    func `a profile whose parts do not fit together is dropped, and the picture read`(
        _ numbers: [(UInt8, UInt8)], _ fault: String
    ) throws {
        let bytes = Handmade.jpeg(try jpeg, Handmade.profileParts(Handmade.profile(), numbers: numbers))
        let image = try Image(decoding: bytes)
        #expect(image.notes == ["the picture's colour profile is not kept: \(fault)"])
        #expect(image.samples == (try Image(decoding: try jpeg).samples))
    }

    @Test func `a profile chunk that cannot be unpacked or has a wrong checksum is dropped`() throws {
        let unpacked = try Handmade.png(plain, [("iCCP", Array("a\0".utf8) + [0, 1, 2, 3])])
        #expect(
            try Image(decoding: unpacked).notes == [
                "the picture's colour profile is not kept: it cannot be unpacked"
            ])
        var broken = try withProfile(Handmade.profile())
        broken[8 + 25 + 8 + 40] ^= 1
        let image = try Image(decoding: broken)
        #expect(image.notes.first == "the picture's colour profile is not kept: its checksum is wrong")
        #expect(image.samples == plain.samples)
    }

    @Test func `comparison and animation carry the colours of their first picture`() throws {
        var image = plain
        image.colours = ColourTags(profile: Handmade.profile(), gamma: 45455)
        #expect(Image.sideBySide([image, image]).colours == image.colours)
        let bytes = try AnimatedPNG.bytes(frames: [image, image], milliseconds: 10, lastMilliseconds: 10)
        #expect(try Image(decoding: bytes).colours == image.colours)
        let names = Handmade.chunks(bytes).map(\.name)
        #expect(names.firstIndex(of: "iCCP")! < names.firstIndex(of: "acTL")!)
    }

    // MARK: Gamma, chromaticities, resolution

    @Test func `gamma, chromaticities, intent and code points stay as they are`() throws {
        let chromaticities: [Int32] = [31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000]
        let added: [(String, [UInt8])] = [
            ("cICP", [12, 13, 0, 1]), ("gAMA", Handmade.number(100_000)),
            ("cHRM", Array(chromaticities.map { Handmade.number(Int($0)) }.joined())),
        ]
        let image = try Image(decoding: try Handmade.png(plain, added))
        #expect(
            image.colours
                == ColourTags(gamma: 100_000, chromaticities: chromaticities, codePoints: [12, 13, 0, 1]))
        #expect(image.notes.isEmpty)
        #expect(try Image(decoding: image.pngBytes()) == image)
        #expect(
            image.notes(writtenAs: .jpeg) == [
                "the picture's gamma and chromaticities are not kept: JPEG has none"
            ])
        let tagged = try Image(decoding: try Handmade.png(plain, [("sRGB", [1])]))
        #expect(tagged.colours.intent == 1 && tagged.notes(writtenAs: .jpeg).isEmpty)
        #expect(try Image(decoding: tagged.pngBytes()).colours.intent == 1)
    }

    @Test func `impossible chromaticities are dropped with a note, and the profile stays`() throws {
        let added: [(String, [UInt8])] = [
            ("iCCP", Array("a\0".utf8) + [0] + Handmade.stored(Handmade.profile())),
            ("cHRM", [UInt8](repeating: 0, count: 32)),
        ]
        let image = try Image(decoding: try Handmade.png(plain, added))
        #expect(image.colours == ColourTags(profile: Handmade.profile()))
        #expect(
            image.notes.count == 1
                && image.notes[0].contains("chromaticities are not kept: libpng refuses them"))
    }

    @Test func `the resolution stays, in the units of the other format`() throws {
        let dense = Handmade.number(11811) + Handmade.number(11811) + [1]  // 300 dots per inch
        let png = try Image(decoding: try Handmade.png(plain, [("pHYs", dense)]))
        #expect(png.density == PixelDensity(x: 11811, y: 11811, unit: .metre))
        #expect(try Image(decoding: png.pngBytes()).density == png.density)
        let jpeg = try Image(decoding: png.jpegBytes(quality: 80))
        #expect(jpeg.density == PixelDensity(x: 300, y: 300, unit: .inch))
        #expect(try Image(decoding: jpeg.pngBytes()).density == png.density)
        let wide = Handmade.number(2) + Handmade.number(1) + [0]
        let shape = try Image(decoding: try Handmade.png(plain, [("pHYs", wide)]))
        #expect(
            try Image(decoding: shape.jpegBytes(quality: 80)).density == PixelDensity(x: 2, y: 1, unit: .none)
        )
        #expect(try Image(decoding: try self.jpeg).density == nil)
    }

    @Test func `EXIF gives the resolution where JFIF has none`() throws {
        let exif = Array("Exif\0\0".utf8) + Handmade.exif(orientation: 1, inch: 72)
        let image = try Image(decoding: Handmade.jpeg(try jpeg, [(0xe1, exif)]))
        #expect(image.density == PixelDensity(x: 72, y: 72, unit: .inch))
    }

    // MARK: Orientation

    /// Each with the way in which it says so.
    static let turned: [(String, @Sendable (Image) throws -> [UInt8])] = {
        let exif = Handmade.exif(orientation: 6)
        let prefixed = Array("Exif\0\0".utf8) + exif
        func raw(_ name: String, _ bytes: [UInt8]) -> [UInt8] {
            let hex = bytes.map { String(UInt32($0) + 256, radix: 16).dropFirst() }.joined()
            return Array("\n\(name)\n      \(bytes.count)\n\(hex.prefix(72))\n\(hex.dropFirst(72))\n".utf8)
        }
        let attribute = Array("<x:xmpmeta><rdf:Description tiff:Orientation=\"6\"/></x:xmpmeta>".utf8)
        let element = Array("<x:xmpmeta><tiff:Orientation>6</tiff:Orientation></x:xmpmeta>".utf8)
        func text(_ keyword: String, _ text: [UInt8]) -> (String, [UInt8]) {
            ("tEXt", Array(keyword.utf8) + [0] + text)
        }
        func packed(_ keyword: String, _ text: [UInt8]) -> (String, [UInt8]) {
            ("zTXt", Array(keyword.utf8) + [0, 0] + Handmade.stored(text))
        }
        let xmp = Array("XML:com.adobe.xmp\0".utf8)
        let header = Array("http://ns.adobe.com/xap/1.0/\0".utf8)
        func png(_ chunk: (String, [UInt8]), after: Bool = false) -> @Sendable (Image) throws -> [UInt8] {
            { try Handmade.png($0, [chunk], afterSamples: after) }
        }
        func jpeg(_ data: [UInt8]) -> @Sendable (Image) throws -> [UInt8] {
            { Handmade.jpeg(try $0.jpegBytes(quality: 90), [(0xe1, data)]) }
        }
        return [
            ("eXIf", png(("eXIf", exif))), ("eXIf with JPEG's prefix", png(("eXIf", prefixed))),
            ("eXIf behind the samples", png(("eXIf", exif), after: true)),
            ("ImageMagick's profile", png(packed("Raw profile type exif", raw("exif", prefixed)))),
            ("ImageMagick's profile, plain", png(text("Raw profile type APP1", raw("app1", prefixed)))),
            ("XMP as ImageMagick's profile", png(packed("Raw profile type xmp", raw("xmp", element)))),
            ("XMP as APP1", png(packed("Raw profile type APP1", raw("app1", header + attribute)))),
            ("XMP", png(("iTXt", xmp + [0, 0, 0, 0] + attribute))),
            ("XMP, packed", png(("iTXt", xmp + [1, 0, 0, 0] + Handmade.stored(element)))),
            ("EXIF of a JPEG", jpeg(prefixed)), ("XMP of a JPEG", jpeg(header + attribute)),
        ]
    }()

    @Test(arguments: turned.indices) func `a picture is set upright wherever its orientation stands`(_ i: Int)
        throws
    {
        let (name, bytes) = Self.turned[i]
        let image = try Image(decoding: try bytes(plain))
        #expect((image.width, image.height) == (32, 40), "\(name)")
        #expect(
            image.notes.count == 1 && image.notes[0].hasSuffix("; its orientation (6) is applied"),
            "\(image.notes)")
        let upright = try Image(decoding: try Handmade.png(plain, [("eXIf", Handmade.exif(orientation: 6))]))
        if image.format == .png { #expect(image.samples == upright.samples, "\(name)") }
        #expect(image.samples.count == upright.samples.count)
        // the left lower corner comes to the left upper
        let corner = plain.samples[3 * 31 * 40..<3 * 31 * 40 + 3]
        if image.format == .png { #expect(image.samples[..<3].elementsEqual(corner)) }
    }

    @Test func `a resolution turns with its picture`() throws {
        let added: [(String, [UInt8])] = [
            ("pHYs", Handmade.number(1000) + Handmade.number(2000) + [1]),
            ("eXIf", Handmade.exif(orientation: 8)),
        ]
        #expect(
            try Image(decoding: try Handmade.png(plain, added)).density
                == PixelDensity(x: 2000, y: 1000, unit: .metre))
    }

    // MARK: What a result does not carry

    @Test func `an animation gets a note with its number of frames`() throws {
        let frames = [plain, plain, plain]
        let bytes = try AnimatedPNG.bytes(frames: frames, milliseconds: 10, lastMilliseconds: 10)
        #expect(
            try Image(decoding: bytes).notes == [
                "the picture is an animation of 3 frames: only its first frame is edited"
            ])
        let still = try Handmade.png(plain, [("acTL", Handmade.number(4) + Handmade.number(0))])
        #expect(
            try Image(decoding: still).notes == [
                "the picture is an animation of 4 frames: only its still picture is edited"
            ])
    }

    @Test func `each part of a file that a result does not keep gets a note`() throws {
        let png = try Handmade.png(
            plain,
            [
                ("tEXt", Array("parameters\0a cat".utf8)), ("tEXt", Array("a\u{1b}[31m\0x".utf8)),
                ("caBX", [1, 2, 3]), ("tIME", [7, 230, 1, 1, 0, 0, 0]),
            ])
        #expect(
            try Image(decoding: png).notes == [
                "the picture's texts are not kept: parameters, a?[31m",
                "other parts of the file are not kept: caBX",
            ])
        let jpeg = Handmade.jpeg(
            try jpeg,
            [
                (0xe1, Array("Exif\0\0".utf8) + Handmade.exif(orientation: 1)),
                (0xed, Array("Photoshop 3.0\0x".utf8)),
                (0xfe, Array("a comment".utf8)), (0xe2, Array("MPF\0x".utf8)), (0xeb, [1, 2]),
            ])
        #expect(
            try Image(decoding: jpeg).notes == [
                "the picture's EXIF data is not kept", "the picture's IPTC and Photoshop data is not kept",
                "the picture's comment is not kept",
                "further pictures in the file (a preview, a gain map) are not kept",
                "other parts of the file are not kept: APP11",
            ])
    }

    @Test func `a note says that a JPEG loses depth and transparency`() throws {
        let deep = try Image(decoding: try Pictures.bytes("rgba16-16bit.png"))
        #expect(deep.notes(writtenAs: .png).isEmpty)
        #expect(
            deep.notes(writtenAs: .jpeg) == [
                "the picture has 16 bits a sample, its result as JPEG has 8",
                "the picture is transparent in places, its result as JPEG is not",
            ])
        var opaque = plain
        opaque.alpha = [UInt16](repeating: 255, count: 40 * 32)
        #expect(opaque.notes(writtenAs: .jpeg).isEmpty)
    }
}
