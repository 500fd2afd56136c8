/// What a picture's file says of its size before its samples. Nothing is decoded.
public enum PictureHeader {
    /// Columns and rows of the upright picture, as decoding would give them; nil where the header does not tell.
    public static func uprightSize(of bytes: [UInt8]) -> (width: Int, height: Int)? {
        guard let format = FileSignature.format(of: bytes) else { return nil }
        let stored: (width: Int, height: Int)?
        switch format {
        case .png: stored = pngSize(bytes)
        case .jpeg: stored = JPEGSegments.frame(bytes).map { ($0.width, $0.height) }
        }
        guard let stored, stored.width > 0, stored.height > 0 else { return nil }
        let isTurned = FoundMetadata(bytes, format).orientation >= 5
        return isTurned ? (stored.height, stored.width) : stored
    }

    /// The size in a PNG's first chunk, if that is a header with its checksum.
    private static func pngSize(_ bytes: [UInt8]) -> (width: Int, height: Int)? {
        var chunks = PNGChunks(bytes)
        guard let header = chunks.next(), header.name == "IHDR", header.isWhole,
            let width = header.data.number(at: 0, count: 4), let height = header.data.number(at: 4, count: 4)
        else { return nil }
        return (width, height)
    }
}
