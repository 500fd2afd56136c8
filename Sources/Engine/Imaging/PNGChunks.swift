internal import CImageCodecs

/// The chunks of a PNG (PNG 1.2 and its third edition, section 11), as they lie in the file.
struct PNGChunks: Sequence, IteratorProtocol {
    struct Chunk {
        let name: String
        let data: ArraySlice<UInt8>
        /// Whether its checksum is right.
        let isWhole: Bool
    }

    private let bytes: [UInt8]
    private var at = 8

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func next() -> Chunk? {
        guard let length = bytes[...].number(at: at, count: 4), length <= bytes.count - at - 12 else {
            return nil
        }
        let data = bytes[at + 8..<at + 8 + length]
        let sum = bytes.withUnsafeBufferPointer { buffer in
            buffer.baseAddress.map { Int(ci_crc32(0, $0 + at + 4, length + 4)) }
        }
        let isWhole = sum == bytes[...].number(at: at + 8 + length, count: 4)
        let name = latin1(bytes[at + 4..<at + 8])
        at += 12 + length
        return Chunk(name: name, data: data, isWhole: isWhole)
    }

    /// The largest number of bytes of an inflated profile, and of all texts of a file together. A small file can inflate to
    /// gigabytes.
    private static let inflatedMax = 16 << 20

    /// Chunks that libpng decodes with the samples, and chunks that mean nothing for a result.
    private static let silent: Set<String> = [
        "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "sBIT", "hIST", "bKGD", "tIME", "fcTL", "fdAT",
    ]

    /// Reads the parts beside the samples.
    static func read(_ bytes: [UInt8], into found: inout FoundMetadata) {
        var isBeforeSamples = true
        var rawProfile: [UInt8]?
        var texts = TextBudget(left: inflatedMax)
        for chunk in PNGChunks(bytes) {
            if chunk.name == "IEND" { break }
            if chunk.name == "IDAT" { isBeforeSamples = false }
            guard chunk.isWhole else {
                if chunk.name == "iCCP" { found.profileFault = "its checksum is wrong" }
                continue
            }
            if isBeforeSamples && found.readColour(chunk) { continue }
            switch chunk.name {
            case "eXIf": found.setOwn(exif: chunk.data)
            case "tEXt", "zTXt", "iTXt":
                guard let (keyword, packed) = text(of: chunk) else { continue }
                func unpacked() -> [UInt8]? { texts.read(packed) }
                switch keyword.lowercased() {
                case "raw profile type exif", "raw profile type app1":
                    guard let raw = unpacked().flatMap({ rawProfileBytes($0[...]) }) else { continue }
                    if let packet = raw[...].afterXMPHeader {
                        found.xmp = packet
                    } else {
                        found.add(exif: raw[...])
                    }
                case "raw profile type icc", "raw profile type icm":
                    rawProfile = unpacked().flatMap { rawProfileBytes($0[...]) }
                case "xml:com.adobe.xmp": found.xmp = unpacked().map { $0[...] }
                case "raw profile type xmp":
                    found.xmp = unpacked().flatMap { rawProfileBytes($0[...]) }.map { $0[...] }
                default: found.texts.append(keyword)
                }
            case "acTL": found.frames = chunk.data.number(at: 0, count: 4) ?? 1
            default: if !silent.contains(chunk.name) { found.note(other: chunk.name) }
            }
            if chunk.name == "fcTL" && isBeforeSamples { found.isStillAFrame = true }
        }
        if let rawProfile, found.colours.profile.isEmpty { found.colours.profile = rawProfile }
    }

    /// The bytes of a chunk's text, as the file has them.
    private enum PackedText {
        case plain(ArraySlice<UInt8>)
        case deflated(ArraySlice<UInt8>)
    }

    /// The bytes of texts that are still read of a file.
    private struct TextBudget {
        var left: Int

        /// A text; nil when it is broken or exceeds the budget.
        mutating func read(_ text: PackedText) -> [UInt8]? {
            switch text {
            case .plain(let bytes):
                guard bytes.count <= left else { return nil }
                left -= bytes.count
                return Array(bytes)
            case .deflated(let stream):
                let room = Swift.min(left, PNGChunks.inflatedRoom(stream))
                let bytes = PNGChunks.inflated(stream, room: room)
                left -= bytes?.count ?? room
                return bytes
            }
        }
    }

    /// A text chunk's keyword and text.
    private static func text(of chunk: Chunk) -> (keyword: String, text: PackedText)? {
        guard let (keyword, rest) = chunk.data.cutAtZero else { return nil }
        switch chunk.name {
        case "tEXt": return (latin1(keyword), .plain(rest))
        case "zTXt": return (latin1(keyword), .deflated(rest.dropFirst()))
        default:
            guard rest.count >= 2, let (_, translated) = rest.dropFirst(2).cutAtZero,
                let (_, text) = translated.cutAtZero
            else { return nil }
            let isCompressed = rest[rest.startIndex] == 1
            return (latin1(keyword), isCompressed ? .deflated(text) : .plain(text))
        }
    }

    /// The largest number of bytes that a stream may inflate to. One byte of deflate gives at most 1032 bytes.
    private static func inflatedRoom(_ stream: ArraySlice<UInt8>) -> Int {
        Swift.min(inflatedMax, 1032 * stream.count + 1024)
    }

    /// The inflated bytes of a zlib stream; nil when it is broken, empty or longer than `room`.
    static func inflated(_ stream: ArraySlice<UInt8>, room: Int? = nil) -> [UInt8]? {
        let capacity = room ?? inflatedRoom(stream)
        let out = [UInt8](unsafeUninitializedCapacity: capacity) { out, count in
            let made = stream.withUnsafeBufferPointer {
                ci_inflate($0.baseAddress, $0.count, out.baseAddress, capacity)
            }
            count = Swift.max(0, made)
        }
        return out.isEmpty ? nil : out
    }

    /// A profile as ImageMagick writes it into a text: its name, its length, its bytes in hexadecimal.
    static func rawProfileBytes(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let words = text.split(maxSplits: 2) { $0 == 10 || $0 == 32 || $0 == 13 }
        guard words.count == 3, let length = Int(latin1(words[1])), length >= 0 else { return nil }
        var bytes: [UInt8] = []
        var high: UInt8?
        for character in words[2] where character > 32 {
            guard let digit = hexDigit(character) else { return nil }
            if let first = high { bytes.append(first << 4 | digit) }
            high = high == nil ? digit : nil
        }
        return bytes.count >= length && length > 0 ? Array(bytes[..<length]) : nil
    }

    private static func hexDigit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension FoundMetadata {
    /// Reads a chunk with colour tags or the density; false for other chunks. Where a name repeats, the first chunk counts.
    fileprivate mutating func readColour(_ chunk: PNGChunks.Chunk) -> Bool {
        let data = chunk.data
        func signed(_ at: Int) -> Int32? {
            data.number(at: at, count: 4).map { Int32(truncatingIfNeeded: $0) }
        }
        switch chunk.name {
        case "gAMA": colours.gamma = colours.gamma ?? signed(0)
        case "cHRM":
            let numbers = (0..<8).compactMap { signed(4 * $0) }
            if colours.chromaticities == nil && numbers.count == 8 { colours.chromaticities = numbers }
        case "sRGB": colours.intent = colours.intent ?? data.first
        case "cICP": if colours.codePoints == nil && data.count == 4 { colours.codePoints = Array(data) }
        case "pHYs":
            guard density == nil, let x = data.number(at: 0, count: 4), let y = data.number(at: 4, count: 4)
            else {
                return true
            }
            density = PixelDensity(x: x, y: y, unit: data.number(at: 8, count: 1) == 1 ? .metre : .none)
        case "iCCP":
            guard colours.profile.isEmpty, profileFault == nil else { return true }
            let profile = data.cutAtZero.flatMap { PNGChunks.inflated($0.after.dropFirst()) }
            if let profile { colours.profile = profile } else { profileFault = "it cannot be unpacked" }
        default: return false
        }
        return true
    }
}

extension ArraySlice<UInt8> {
    /// The bytes after the header by which a JPEG marks XMP.
    var afterXMPHeader: ArraySlice<UInt8>? {
        let header = Array("http://ns.adobe.com/xap/1.0/\0".utf8)
        return starts(with: header) ? dropFirst(header.count) : nil
    }
}
