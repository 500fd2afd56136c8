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
        let signature: [UInt8] = Array(png[..<8])
        let zeros = [UInt8](repeating: 0, count: 13)
        var unreadable: [[UInt8]] = [[], Array("GIF89a".utf8), signature, Array(png[..<30]), broken, later]
        unreadable.append(Array(jpeg[..<frame]))
        unreadable.append(signature + Handmade.chunk("CgBI", [0, 0, 0, 0]) + Array(png[8...]))
        unreadable.append(signature + Handmade.chunk("IHDR", zeros) + Array(png[33...]))
        for bytes in unreadable {
            let size = PictureHeader.uprightSize(of: bytes)
            #expect(size == nil, "\(bytes.count) bytes")
        }
    }

    @Test func `of several blocks of EXIF the first counts, whatever thousands follow`() throws {
        let blocks = [
            (name: "eXIf", data: Handmade.exif(orientation: 6)),
            (name: "eXIf", data: Handmade.exif(orientation: 1)),
        ]
        let turned = try Handmade.png(plain, blocks)
        #expect(try Image(decoding: turned).height == 40)
        // A search that took time by the square of their number would not end within the run's limit.
        let empty = Handmade.chunk("eXIf", [])
        var many: [UInt8] = Array(turned[..<33])
        for number in 0..<65_536 {
            let digits = [number & 15, number >> 4 & 15, number >> 8 & 15, number >> 12]
            let name = String(String.UnicodeScalarView(digits.compactMap { Unicode.Scalar(0x61 + $0) }))
            many += empty
            many += Handmade.chunk(name, [])
        }
        many += turned[33...]
        let size = try #require(PictureHeader.uprightSize(of: many))
        #expect(size.width == 40 && size.height == 32, "the first block is empty")
    }

    @Test func `the texts of a file are unpacked up to a bound, so that a small file cannot hold the daemon`()
        throws
    {
        let keyword: [UInt8] = Array("Raw profile type exif".utf8) + [0]
        let blanks = [UInt8](repeating: 0x20, count: 1 << 20)
        let large = (name: "zTXt", data: keyword + [0] + Handmade.stored(blanks))
        let exif: [UInt8] = Array("Exif\0\0".utf8) + Handmade.exif(orientation: 6)
        let hex = exif.map { byte in String(String(UInt32(byte) + 256, radix: 16).dropFirst()) }.joined()
        let profile = "\nexif\n      \(exif.count)\n\(hex)\n"
        let good = (name: "tEXt", data: keyword + Array(profile.utf8))
        func size(_ texts: [(name: String, data: [UInt8])]) throws -> (width: Int, height: Int)? {
            PictureHeader.uprightSize(of: try Handmade.png(plain, texts))
        }
        let within = try #require(try size([large, good]))
        #expect(within == (32, 40))
        let beyond = try #require(try size(Array(repeating: large, count: 16) + [good]))
        #expect(beyond == (40, 32))
        // What a stream that breaks off has cost is not known: it counts as all that it could have given.
        let broken = (name: "zTXt", data: Array(large.data.dropLast(10)))
        let behind = try #require(try size([broken, good]))
        #expect(behind == (40, 32))
    }
}
