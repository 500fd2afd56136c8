/// The kind of a file that is no readable picture, and what to do about it.
struct ForeignKind: Equatable {
    /// Its name with an article, for a sentence with “this is”.
    let name: String
    let advice: String

    init(_ name: String, _ advice: String) { (self.name, self.advice) = (name, advice) }

    private static let save = "Save the picture as PNG or JPEG."
    private static let fetch = "Download or copy the picture itself."

    /// Recognises bytes by their beginning.
    init(of bytes: [UInt8]) {
        guard !bytes.isEmpty else {
            self = ForeignKind("an empty file", Self.fetch)
            return
        }
        if FileSignature.beginsWithZeros(bytes) {
            self = ForeignKind("a file that begins with zeros: its content has not arrived", Self.fetch)
            return
        }
        self =
            Self.container(bytes) ?? Self.signature(bytes) ?? Self.text(bytes)
            ?? ForeignKind("a file of another kind", Self.save)
    }

    /// Recognises formats that share a container with the same first bytes.
    private static func container(_ bytes: [UInt8]) -> ForeignKind? {
        func has(_ text: String, at offset: Int) -> Bool {
            bytes.dropFirst(offset).starts(with: Array(text.utf8))
        }
        if has("RIFF", at: 0) {
            return has("WEBP", at: 8)
                ? ForeignKind("a WebP picture", "Convert it: dwebp IN.webp -o OUT.png.")
                : ForeignKind("a RIFF file (a film or sound)", save)
        }
        if has("ftyp", at: 4) {
            let brands = stride(from: 8, to: min(bytes.count - 3, 64), by: 4).map {
                latin1(bytes[$0..<$0 + 4])
            }
            if brands.contains(where: { ["avif", "avis"].contains($0) }) {
                return ForeignKind("an AVIF picture", "Convert it: avifdec IN.avif OUT.png.")
            }
            if brands.first == "crx " {
                return ForeignKind("a camera's raw file (CR3)", "Develop it to PNG or JPEG.")
            }
            if brands.contains(where: {
                ["heic", "heix", "heim", "heis", "hevc", "mif1", "msf1"].contains($0)
            }) {
                return ForeignKind("a HEIC picture", "Convert it: heif-convert IN.heic OUT.png.")
            }
            return ForeignKind("a film", "Save one of its pictures as PNG or JPEG.")
        }
        if has("II*\0", at: 0) || has("MM\0*", at: 0) || has("II+\0", at: 0) || has("MM\0+", at: 0) {
            return has("CR", at: 8)
                ? ForeignKind("a camera's raw file (CR2)", "Develop it to PNG or JPEG.")
                : ForeignKind(
                    "a TIFF, or a camera's raw file", "Convert it to PNG: 16 bits, profile and alpha stay.")
        }
        return nil
    }

    private static func signature(_ bytes: [UInt8]) -> ForeignKind? {
        signatures.first { bytes.starts(with: $0.beginning) }?.kind
    }

    private static let signatures: [(beginning: [UInt8], kind: ForeignKind)] = [
        ([0xff, 0x0a], ForeignKind("a JPEG XL picture", "Convert it: djxl IN.jxl OUT.png.")),
        (
            [0, 0, 0, 12, 0x4a, 0x58, 0x4c, 0x20],
            ForeignKind("a JPEG XL picture", "Convert it: djxl IN.jxl OUT.png.")
        ),
        (
            [0, 0, 0, 12, 0x6a, 0x50, 0x20, 0x20],
            ForeignKind("a JPEG 2000 picture", "Convert it: opj_decompress -i IN.jp2 -o OUT.png.")
        ),
        (
            [0xff, 0x4f, 0xff, 0x51],
            ForeignKind("a JPEG 2000 codestream", "Convert it: opj_decompress -i IN.j2k -o OUT.png.")
        ),
        ([0x49, 0x49, 0xbc], ForeignKind("a JPEG XR picture", save)),
        ([0x8a, 0x4d, 0x4e, 0x47], ForeignKind("an MNG animation", save)),
        ([0x8b, 0x4a, 0x4e, 0x47], ForeignKind("a JNG picture", save)),
        (
            [0x89, 0x50, 0x4e, 0x47],
            ForeignKind("a PNG that was copied as text, which changes its line ends", "Copy it as binary.")
        ),
        ([0x76, 0x2f, 0x31, 0x01], ForeignKind("an OpenEXR picture", save)),
        ([0, 0, 1, 0], ForeignKind("a Windows icon", save)),
        (
            [0, 5, 0x16, 7],
            ForeignKind(
                "a companion file in which macOS keeps a picture's attributes (AppleDouble)",
                "Take the file of the same name without `._`.")
        ),
        ([0x1f, 0x8b], ForeignKind("a gzip file", "Unpack it.")),
        (
            [0x4c, 0, 0, 0, 1, 0x14, 2, 0],
            ForeignKind("a Windows shortcut", "Copy the file that it leads to.")
        ),
        (Array("GIF8".utf8), ForeignKind("a GIF", save)),
        (Array("BM".utf8), ForeignKind("a BMP", save)),
        (Array("8BPS".utf8), ForeignKind("a Photoshop file (PSD)", "Export it as PNG.")),
        (Array("gimp xcf".utf8), ForeignKind("a GIMP file (XCF)", "Export it as PNG.")),
        (
            Array("FUJIFILMCCD-RAW".utf8),
            ForeignKind("a camera's raw file (RAF)", "Develop it to PNG or JPEG.")
        ),
        (Array("IIRO".utf8), ForeignKind("a camera's raw file (ORF)", "Develop it to PNG or JPEG.")),
        (Array("IIU\0".utf8), ForeignKind("a camera's raw file (RW2)", "Develop it to PNG or JPEG.")),
        (Array("#?RADIANCE".utf8), ForeignKind("a Radiance HDR picture", save)),
        (Array("qoif".utf8), ForeignKind("a QOI picture", save)),
        (Array("DDS ".utf8), ForeignKind("a DDS texture", save)),
        (Array("%PDF".utf8), ForeignKind("a PDF", "Export its page as PNG.")),
        (Array("%!PS".utf8), ForeignKind("a PostScript file", "Export its page as PNG.")),
        (
            Array("PK\u{3}\u{4}".utf8),
            ForeignKind("a ZIP archive, or a file built like one", "Unpack it, or export the picture as PNG.")
        ),
        ([0x50, 0x31, 0x0a], netpbm), ([0x50, 0x32, 0x0a], netpbm), ([0x50, 0x33, 0x0a], netpbm),
        ([0x50, 0x34, 0x0a], netpbm), ([0x50, 0x35, 0x0a], netpbm), ([0x50, 0x36, 0x0a], netpbm),
        ([0x50, 0x37, 0x0a], netpbm),
    ]
    private static let netpbm = ForeignKind("a Netpbm picture", "Convert it: pnmtopng IN > OUT.png.")

    /// Recognises texts under a picture's name: a server's answer instead of the picture, or a pointer to it.
    private static func text(_ bytes: [UInt8]) -> ForeignKind? {
        let head = latin1(bytes.prefix(1024).drop { [0xef, 0xbb, 0xbf, 9, 10, 13, 32].contains($0) })
            .lowercased()
        func begins(_ words: String...) -> Bool { words.contains { head.hasPrefix($0) } }
        if begins("version https://git-lfs.github.com/") {
            return ForeignKind(
                "a Git LFS pointer, not the picture itself", "Fetch the picture: git lfs pull.")
        }
        if begins("/annex/objects/") || head.contains("/.git/annex/objects/") {
            return ForeignKind(
                "a git-annex pointer, not the picture itself", "Fetch the picture: git annex get FILE.")
        }
        if begins("<svg") || (begins("<?xml", "<!--") && head.contains("<svg")) {
            return ForeignKind("an SVG drawing", "Export it as PNG.")
        }
        if begins("<!doctype html", "<html", "<head", "<body", "<script", "<!--") {
            return ForeignKind(
                "a web page (HTML), as a server sends it instead of a picture",
                "Open the link in a browser, and save the picture itself.")
        }
        if begins("<?xml", "<") { return ForeignKind("an XML file, perhaps a server's error", fetch) }
        if begins("{", "[{") { return ForeignKind("a JSON text, perhaps a server's error", fetch) }
        if begins("[internetshortcut]") { return ForeignKind("a shortcut to a web page", fetch) }
        if begins("data:image/", "ivborw0kggo", "/9j/") {
            return ForeignKind("a picture written as text (base64)", "Decode it: base64 -d IN > OUT.")
        }
        return nil
    }

    /// A PNG or JPEG of a kind that the libraries do not decode; nil for all others.
    init?(undecodable bytes: [UInt8], _ format: Image.Format) {
        switch format {
        case .png:
            guard bytes.dropFirst(12).starts(with: Array("CgBI".utf8)) else { return nil }
            self = ForeignKind(
                "a PNG as Xcode packs it into iOS apps (CgBI)",
                "Turn it back: xcrun -sdk iphoneos pngcrush -revert-iphone-optimizations IN.png OUT.png.")
        case .jpeg:
            guard let frame = JPEGSegments.frame(bytes) else { return nil }
            let advice = "Convert it to PNG, or save it again as a JPEG of 8 bits, baseline or progressive."
            let kind: String? =
                switch frame.marker {
                case 0xf7: "a JPEG-LS picture"
                case 0xc3, 0xcb: "a lossless JPEG (as in DNG and DICOM)"
                case 0xc5, 0xc6, 0xc7, 0xcd, 0xce, 0xcf: "a hierarchical JPEG"
                case _ where frame.precision != 8: "a JPEG of \(frame.precision) bits a sample"
                case 0xc9, 0xca: "a JPEG with arithmetic coding"
                case _ where ![1, 3, 4].contains(frame.components): "a JPEG of \(frame.components) components"
                default: nil
                }
            guard let kind else { return nil }
            self = ForeignKind(kind, advice)
        }
    }
}
