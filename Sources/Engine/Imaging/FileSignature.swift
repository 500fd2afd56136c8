internal import CImageCodecs

/// Recognises a file's format by its first bytes, and checks whether the whole file is there.
public enum FileSignature {
    /// PNG or JPEG, or nil.
    public static func format(of bytes: [UInt8]) -> Image.Format? {
        if bytes.starts(with: pngSignature) { return .png }
        return bytes.starts(with: [0xff, 0xd8, 0xff]) ? .jpeg : nil
    }

    private static let pngSignature: [UInt8] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]

    /// Whether nothing of a file's beginning has arrived: a writer that allocates the file first, and fills it in any order, leaves
    /// zeros.
    static func beginsWithZeros(_ bytes: [UInt8]) -> Bool {
        bytes.count >= 16 && bytes.prefix(512).allSatisfy { $0 == 0 }
    }

    /// Whether all of a picture's bytes are there.
    public enum Completeness: Sendable {
        /// It has its end marker.
        case complete
        /// Bytes are missing.
        case incomplete
        /// It is no PNG or JPEG, and more bytes cannot change that.
        case notAnImage
    }

    /// Walks a PNG's chunks to IEND or a JPEG's segments to EOI. What has zeros where content must stand is still to be
    /// filled. A picture without its end marker is decoded: it is whole when its last row is there.
    public static func completeness(of bytes: [UInt8]) -> Completeness {
        switch format(of: bytes) {
        case .png: return pngEnds(bytes) ? .complete : .incomplete
        case .jpeg: return jpegIsWhole(bytes) ? .complete : .incomplete
        case nil:
            let couldBecome =
                beginsWithZeros(bytes)
                || [pngSignature, [0xff, 0xd8, 0xff]].contains { $0.starts(with: bytes) }
            return couldBecome ? .incomplete : .notAnImage
        }
    }

    /// Whether a PNG has its IEND, or else all of its rows, and no chunk that was never written.
    private static func pngEnds(_ bytes: [UInt8]) -> Bool {
        for chunk in PNGChunks(bytes) {
            if chunk.name == "IEND" { return true }
            if !chunk.isWhole && hasHole(chunk.data) { return false }
        }
        return ci_png_has_all_rows(bytes, bytes.count, decodedMax) != 0
    }

    private static func hasHole(_ bytes: ArraySlice<UInt8>) -> Bool {
        var zeros = 0
        for byte in bytes {
            zeros = byte == 0 ? zeros + 1 : 0
            if zeros == 512 { return true }
        }
        return false
    }

    /// Whether the checksums of a complete PNG prove all of its bytes, so that it has no hole. A JPEG has no checksums.
    public static func isVouchedFor(_ bytes: [UInt8]) -> Bool {
        guard format(of: bytes) == .png else { return false }
        for chunk in PNGChunks(bytes) {
            guard chunk.isWhole else { return false }
            if chunk.name == "IEND" { return true }
        }
        return false
    }

    /// Pixels times scans that are decoded at most to see whether a picture without an end marker is whole: a second's work.
    private static let decodedMax: UInt64 = 64_000_000

    private static func jpegIsWhole(_ bytes: [UInt8]) -> Bool {
        if jpegEnds(bytes) { return ci_jpeg_has_hole(bytes, bytes.count) == 0 }
        return ci_jpeg_has_all_rows(bytes, bytes.count, decodedMax) != 0
    }

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
