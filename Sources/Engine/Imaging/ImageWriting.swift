import Failures
internal import CImageCodecs

#if canImport(Glibc)
    import Glibc
#endif

extension Image {
    /// The bytes of a PNG: RGB or RGBA in the picture's depth, with its tags and density.
    ///
    /// - Throws: `image.encoding` with libpng's words when libpng refuses the picture; `image.memory`.
    public func pngBytes() throws(Failure) -> [UInt8] {
        let channels = alpha == nil ? 3 : 4
        var interleaved: [UInt16]
        if let alpha {
            interleaved = []
            interleaved.reserveCapacity(width * height * 4)
            for i in alpha.indices {
                interleaved.append(contentsOf: samples[3 * i..<3 * i + 3])
                interleaved.append(alpha[i])
            }
        } else {
            interleaved = samples
        }
        if depth == 16 {
            return try encode(interleaved, channels, depth: 16, density?.forPNG) {
                ci_write_png(&$0, &$1, &$2, &$3, &$4)
            }
        }
        let narrow = interleaved.map { UInt8(truncatingIfNeeded: $0) }
        return try encode(narrow, channels, depth: 8, density?.forPNG) {
            ci_write_png(&$0, &$1, &$2, &$3, &$4)
        }
    }

    /// The bytes of a JPEG with the picture's profile and density. JPEG has 8 bits, no transparency and no gamma tag, so the file
    /// loses these.
    ///
    /// - Parameter quality: 1…100.
    public func jpegBytes(quality: Int) throws(Failure) -> [UInt8] {
        // 65535 → 255 exactly: v / 257, rounded
        let narrow = samples.map { UInt8(truncatingIfNeeded: depth == 16 ? (Int($0) + 128) / 257 : Int($0)) }
        return try encode(narrow, 3, depth: 8, density?.forJPEG) {
            ci_write_jpeg(&$0, &$1, Int32(quality), &$2, &$3, &$4)
        }
    }

    /// The bytes in a format.
    public func bytes(as format: Format, quality: Int = 95) throws(Failure) -> [UInt8] {
        format == .png ? try pngBytes() : try jpegBytes(quality: quality)
    }

    /// A sentence for each part of the file that a result in a format does not carry.
    public func notes(writtenAs format: Format) -> [String] {
        guard format == .jpeg else { return notes }
        var all = notes
        if depth == 16 { all.append("the picture has 16 bits a sample, its result as JPEG has 8") }
        if let alpha, alpha.contains(where: { $0 != maximum }) {
            all.append("the picture is transparent in places, its result as JPEG is not")
        }
        if colours.hasPNGAlone {
            all.append("the picture's gamma and chromaticities are not kept: JPEG has none")
        }
        if density != nil && density?.forJPEG == nil {
            all.append("the picture's resolution is not kept: JPEG has no numbers for it")
        }
        return all
    }

    typealias Encoder = (
        inout ci_image, inout ci_tags, inout UnsafeMutablePointer<UInt8>?, inout Int, inout [CChar]
    ) -> ci_status

    /// The result of encoding: the bytes, or the library's error.
    enum Encoded {
        case bytes([UInt8])
        case refused(words: String)
        case outOfMemory

        var refusal: String? { if case .refused(let words) = self { words } else { nil } }
    }

    func encoded<Sample>(
        _ samples: [Sample], _ channels: Int, depth: Int, _ density: PixelDensity?, _ encoder: Encoder
    ) -> Encoded {
        var samples = samples
        var out: UnsafeMutablePointer<UInt8>?
        var size = 0
        var message = [CChar](repeating: 0, count: Int(CI_MESSAGE_BYTES))
        let status = samples.withUnsafeMutableBytes { samples in
            colours.profile.withUnsafeBufferPointer { icc in
                var raw = ci_image()
                (raw.width, raw.height) = (UInt32(width), UInt32(height))
                (raw.channels, raw.depth, raw.samples) = (
                    Int32(channels), Int32(depth), samples.baseAddress
                )
                var tags = ci_tags(colours, density)
                (tags.icc, tags.icc_size) = (icc.baseAddress, icc.count)
                return encoder(&raw, &tags, &out, &size, &message)
            }
        }
        if status == CI_REFUSED { return .refused(words: String(libraryWords: message)) }
        guard status == CI_OK, let out else { return .outOfMemory }
        defer { free(out) }
        return .bytes(Array(UnsafeBufferPointer(start: out, count: size)))
    }

    private func encode<Sample>(
        _ samples: [Sample], _ channels: Int, depth: Int, _ density: PixelDensity?, _ encoder: Encoder
    ) throws(Failure) -> [UInt8] {
        switch encoded(samples, channels, depth: depth, density, encoder) {
        case .bytes(let bytes): return bytes
        case .refused(let words):
            throw Failure(
                .badJob, code: "image.encoding", message: "the picture could not be encoded (\(words))",
                hint: "Save the picture again without its colour profile, and report this.")
        case .outOfMemory:
            throw Failure(
                .badJob, code: "image.memory", message: "there is not enough memory to encode the picture",
                hint: "Make it smaller.")
        }
    }
}

extension String {
    /// The message of libpng or libjpeg in a buffer.
    init(libraryWords buffer: [CChar]) {
        self.init(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
