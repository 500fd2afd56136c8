import Failures
import Imaging
import Testing

/// The size in a file's header is the one that decoding gives, or nil.
@Suite struct PictureHeaderTests {
    private let plain = Image(width: 40, height: 32, samples: (0..<40 * 32 * 3).map { UInt16($0 * 7 % 256) })

    @Test(arguments: Pictures.all) func `the header of a picture of any kind tells its upright size`(
        _ name: String
    ) throws {
        let bytes = try Pictures.bytes(name)
        let image = try Image(decoding: bytes)
        let size = try #require(PictureHeader.uprightSize(of: bytes))
        #expect(size == (image.width, image.height))
    }

    @Test(arguments: PictureMetadataTests.turned.indices)
    func `the size is upright wherever the orientation stands`(_ i: Int) throws {
        let (name, bytes) = PictureMetadataTests.turned[i]
        let size = try #require(PictureHeader.uprightSize(of: try bytes(plain)))
        #expect(size == (32, 40), "\(name)")
    }

    @Test func `a header that does not tell gives no size`() throws {
        let png = try plain.pngBytes()
        var broken = png
        broken[19] ^= 1  // a bit of the width; the checksum no longer fits
        let jpeg = try plain.jpegBytes(quality: 90)
        let frame = try #require(jpeg.indices.first { jpeg[$0] == 0xff && jpeg[$0 + 1] == 0xc0 })
        var later = jpeg
        (later[frame + 5], later[frame + 6]) = (0, 0)  // a DNL marker behind the samples has the rows
        let unreadable = [
            [], Array("GIF89a".utf8), Array(png[..<8]), Array(png[..<30]), broken, later,
            Array(jpeg[..<frame]),
            Array(png[..<8]) + Handmade.chunk("CgBI", [0, 0, 0, 0]) + png[8...],
            Array(png[..<8]) + Handmade.chunk("IHDR", [UInt8](repeating: 0, count: 13)) + png[33...],
        ]
        for bytes in unreadable {
            let size = PictureHeader.uprightSize(of: bytes)
            #expect(size == nil, "\(bytes.count) bytes")
        }
    }

    @Test func `of several blocks of EXIF the first counts, and a million others take no time`() throws {
        let blocks = [Handmade.exif(orientation: 6), Handmade.exif(orientation: 1)].map { ("eXIf", $0) }
        let turned = try Handmade.png(plain, blocks)
        #expect(try Image(decoding: turned).height == 40)
        // Nothing here takes time by the square of their number.
        let empty = Handmade.chunk("eXIf", [])
        let names = (0..<200_000).flatMap { i -> [UInt8] in
            let letters = [i & 15, i >> 4 & 15, i >> 8 & 15, i >> 12].map { UInt8(0x61 + $0) }
            return Handmade.chunk(String(decoding: letters, as: UTF8.self), [])
        }
        let many = Array(turned[..<33]) + (0..<200_000).flatMap { _ in empty } + names + turned[33...]
        let began = ContinuousClock.now
        let size = PictureHeader.uprightSize(of: many)
        #expect(size == (40, 32), "the first block is empty")
        #expect(ContinuousClock.now - began < .seconds(30), "with a list of all names it was minutes")
    }

    @Test func `the texts of a file are unpacked up to a bound, so that a small file cannot hold the daemon`()
        throws
    {
        func raw(_ count: Int) -> (String, [UInt8]) {
            let zeros = Handmade.stored([UInt8](repeating: 0x20, count: count))
            return ("zTXt", Array("Raw profile type exif\0".utf8) + [0] + zeros)
        }
        let exif = Array("Exif\0\0".utf8) + Handmade.exif(orientation: 6)
        let hex = exif.map { String(UInt32($0) + 256, radix: 16).dropFirst() }.joined()
        let good = (
            "tEXt", Array("Raw profile type exif\0\nexif\n      \(exif.count)\n\(hex)\n".utf8)
        )
        func size(_ texts: [(String, [UInt8])]) throws -> (width: Int, height: Int)? {
            PictureHeader.uprightSize(of: try Handmade.png(plain, texts))
        }
        #expect(try #require(try size([raw(1 << 20), good])) == (32, 40))
        let beyond = try #require(try size([(String, [UInt8])](repeating: raw(1 << 20), count: 16) + [good]))
        #expect(beyond == (40, 32))
    }
}
