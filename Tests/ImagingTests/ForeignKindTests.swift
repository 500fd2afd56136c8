import Failures
import Foundation
import Imaging
import Testing

@Suite struct ForeignKindTests {
    private static let texts: [(String, String)] = [
        ("<!DOCTYPE html>\n<html><body>403</body></html>\n", "a web page (HTML)"),
        ("\u{feff}  <HTML>", "a web page (HTML)"), ("{\"error\": 403}", "a JSON text"),
        ("<?xml version=\"1.0\"?><Error/>", "an XML file"), ("<?xml version=\"1.0\"?>\n<svg>", "an SVG"),
        ("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 3\n", "a Git LFS pointer"),
        ("/annex/objects/SHA256E-s3--ab.png\n", "a git-annex pointer"),
        ("iVBORw0KGgoAAA", "written as text (base64)"),
        ("data:image/png;base64,iVBO", "written as text (base64)"), ("RIFF    WEBPVP8 ", "a WebP"),
        ("GIF89a", "a GIF"), ("8BPS", "a Photoshop file"), ("gimp xcf v011", "a GIMP file"),
        ("%PDF-1.4", "a PDF"),
        ("BM......", "a BMP"), ("II*\0\u{8}\0\0\0", "a TIFF"), ("MM\0*\0\0\0\u{8}", "a TIFF"),
        ("II*\0\u{10}\0\0\0CR\u{2}", "CR2"), ("PK\u{3}\u{4}", "a ZIP archive"), ("P6\n3 3", "a Netpbm"),
        ("qoif", "a QOI"),
    ]
    private static let zeros = [UInt8](repeating: 0, count: 4096)
    private static let jxl: [UInt8] = [0, 0, 0, 12, 0x4a, 0x58, 0x4c, 0x20, 13, 10, 0x87, 10]
    private static let jp2: [UInt8] = [0, 0, 0, 12, 0x6a, 0x50, 0x20, 0x20, 13, 10, 0x87, 10]
    private static let binary: [([UInt8], String)] = [
        ([0xff, 0x0a, 0, 0, 0, 0], "a JPEG XL"),
        (jxl, "a JPEG XL"),
        (jp2, "a JPEG 2000"),
        (box("heic", "mif1"), "a HEIC"), (box("mif1", "heic"), "a HEIC"),
        (box("avif", "mif1"), "an AVIF"),
        (box("mif1", "avif"), "an AVIF"), (box("isom", "mp42"), "a film"), (box("crx ", "crx "), "CR3"),
        ([0x89, 0x50, 0x4e, 0x47, 0x0a, 0x1a, 0x0a], "copied as text"),
        ([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0d, 0x0a, 0x1a, 0x0d, 0x0a], "copied as text"),
        ([0, 5, 0x16, 7, 0, 2, 0, 0], "AppleDouble"),
        (zeros, "has not arrived"),
    ]

    static let kinds = texts.map { (Array($0.utf8), $1) } + binary

    private static func box(_ brand: String, _ compatible: String) -> [UInt8] {
        Array("\0\0\0\u{18}ftyp\(brand)\0\0\0\0\(compatible)miaf".utf8)
    }

    @Test(arguments: kinds) func `the error of a file of another kind names the kind and says what to do`(
        _ bytes: [UInt8], _ name: String
    ) {
        let error = #expect(throws: Failure.self) { try Image(decoding: bytes) }
        #expect(error?.code == "image.format")
        #expect(error?.message.contains(name) == true, "\(error?.message ?? "")")
        #expect(error?.message.hasSuffix("neither PNG nor JPEG") == true)
        #expect(error?.hint.hasSuffix(".") == true)
    }

    @Test func `the error of an Xcode PNG names its kind`() throws {
        var bytes = try Pictures.bytes("rgba8.png")
        bytes.insert(contentsOf: Handmade.chunk("CgBI", [0x50, 0, 0x20, 2]), at: 8)
        let error = #expect(throws: Failure.self) { try Image(decoding: bytes) }
        #expect(error?.code == "image.format" && error?.message.contains("CgBI") == true)
        #expect(error?.hint.contains("revert-iphone-optimizations") == true)
    }

    @Test(arguments: [
        (UInt8(0xc1), UInt8(12), "a JPEG of 12 bits a sample"), (0xc3, 8, "a lossless JPEG"),
        (0xc5, 8, "a hierarchical JPEG"),
        (0xf7, 8, "a JPEG-LS picture"), (0xc0, 7, "a JPEG of 7 bits a sample"),
    ])
    func `the error of a JPEG that is not decoded names its kind`(
        _ marker: UInt8, _ precision: UInt8, _ name: String
    )
        throws
    {
        var bytes = try Pictures.bytes("baseline.jpg")
        let frame = try #require(bytes.indices.first { bytes[$0...].starts(with: [0xff, 0xc0]) })
        (bytes[frame + 1], bytes[frame + 4]) = (marker, precision)
        let error = #expect(throws: Failure.self) { try Image(decoding: bytes) }
        #expect(error?.code == "image.format", "\(error?.message ?? "")")
        #expect(error?.message.contains(name) == true, "\(error?.message ?? "")")
        #expect(error?.hint.contains("Convert it to PNG") == true)
    }
}
