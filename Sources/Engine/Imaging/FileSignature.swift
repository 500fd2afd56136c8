internal import CImageCodecs

/// What a file is, by its first bytes, and whether all of it is there.
public enum FileSignature {
    /// PNG or JPEG, or nil.
    public static func format(of bytes: [UInt8]) -> Image.Format? {
        if bytes.starts(with: pngSignature) { return .png }
        return bytes.starts(with: [0xff, 0xd8, 0xff]) ? .jpeg : nil
    }

    private static let pngSignature: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

    /// A word for what the bytes are.
    static func name(of bytes: [UInt8]) -> String {
        func starts(_ text: String, at offset: Int = 0) -> Bool {
            bytes.dropFirst(offset).starts(with: Array(text.utf8))
        }
        if bytes.isEmpty { return "an empty file" }
        if starts("GIF8") { return "a GIF" }
        if starts("RIFF"), starts("WEBP", at: 8) { return "a WebP picture" }
        if starts("ftyp", at: 4) {
            return starts("avif", at: 8) ? "an AVIF picture" : "a HEIC picture or a film"
        }
        if starts("II*\0") || starts("MM\0*") { return "a TIFF" }
        if starts("BM") { return "a BMP" }
        if starts("%PDF") { return "a PDF" }
        if starts("<svg") || starts("<?xml") { return "an SVG or XML file" }
        return "a file of another kind"
    }

    /// Whether a picture's bytes are all there.
    public enum Completeness: Sendable {
        /// It has its end marker.
        case complete
        /// More has to come.
        case incomplete
        /// It is no PNG or JPEG, and no more bytes will make it one.
        case notAnImage
    }

    /// Walks a PNG's chunks to IEND or a JPEG's segments to EOI, without decoding.
    public static func completeness(of bytes: [UInt8]) -> Completeness {
        switch format(of: bytes) {
        case .png: return pngEnds(bytes) ? .complete : .incomplete
        case .jpeg: return jpegEnds(bytes) ? .complete : .incomplete
        case nil:
            let couldBecome = [pngSignature, [0xff, 0xd8, 0xff]].contains { $0.starts(with: bytes) }
            return couldBecome ? .incomplete : .notAnImage
        }
    }

    private static func pngEnds(_ bytes: [UInt8]) -> Bool {
        var at = 8
        while at + 12 <= bytes.count {
            let length = bigEndian(bytes[at..<at + 4])
            if length > bytes.count - at - 12 { return false }
            if bytes[at + 4..<at + 8].elementsEqual("IEND".utf8) { return true }
            at += 12 + length
        }
        return false
    }

    /// Whether the checksums of a whole PNG vouch for all of its bytes: no writer can have left a hole in it. A JPEG has
    /// none.
    public static func isVouchedFor(_ bytes: [UInt8]) -> Bool {
        guard format(of: bytes) == .png else { return false }
        var at = 8
        while at + 12 <= bytes.count {
            let length = bigEndian(bytes[at..<at + 4])
            guard length <= bytes.count - at - 12 else { return false }
            let sum = bytes.withUnsafeBufferPointer { buffer in
                buffer.baseAddress.map { Int(ci_crc32(0, $0 + at + 4, length + 4)) }
            }
            guard sum == bigEndian(bytes[at + 8 + length..<at + 12 + length]) else { return false }
            if bytes[at + 4..<at + 8].elementsEqual("IEND".utf8) { return true }
            at += 12 + length
        }
        return false
    }

    private static func bigEndian(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

    private static func jpegEnds(_ bytes: [UInt8]) -> Bool {
        var at = 2
        while at + 1 < bytes.count {
            guard bytes[at] == 0xff else {
                at += 1  // entropy-coded data
                continue
            }
            switch bytes[at + 1] {
            case 0xd9: return true
            case 0x00, 0x01, 0xd0...0xd7: at += 2
            case 0xff: at += 1
            default:
                guard at + 3 < bytes.count else { return false }
                at += 2 + (Int(bytes[at + 2]) << 8 | Int(bytes[at + 3]))
            }
        }
        return false
    }
}
