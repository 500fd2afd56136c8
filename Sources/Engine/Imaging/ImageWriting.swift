internal import CImageCodecs
import Failures

#if canImport(Glibc)
    import Glibc
#endif

extension Image {
    /// The bytes of a PNG: RGB or RGBA, 8 or 16 bits as the picture has, with its profile.
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
            return try encode(interleaved, channels, depth: 16) { ci_write_png(&$0, &$1, &$2, &$3) }
        }
        let narrow = interleaved.map { UInt8(truncatingIfNeeded: $0) }
        return try encode(narrow, channels, depth: 8) { ci_write_png(&$0, &$1, &$2, &$3) }
    }

    /// The bytes of a JPEG with the picture's profile. JPEG has 8 bits and no transparency: alpha is dropped.
    ///
    /// - Parameter quality: 1…100.
    public func jpegBytes(quality: Int) throws(Failure) -> [UInt8] {
        // 65535 → 255 exactly: v / 257, rounded
        let narrow = samples.map { UInt8(truncatingIfNeeded: depth == 16 ? (Int($0) + 128) / 257 : Int($0)) }
        return try encode(narrow, 3, depth: 8) { ci_write_jpeg(&$0, Int32(quality), &$1, &$2, &$3) }
    }

    /// The bytes in a format.
    public func bytes(as format: Format, quality: Int = 95) throws(Failure) -> [UInt8] {
        format == .png ? try pngBytes() : try jpegBytes(quality: quality)
    }

    private typealias Encoder = (inout ci_image, inout UnsafeMutablePointer<UInt8>?, inout Int, inout [CChar])
        -> ci_status

    private func encode<Sample>(
        _ samples: [Sample], _ channels: Int, depth: Int, _ encoder: Encoder
    ) throws(Failure) -> [UInt8] {
        var (samples, icc) = (samples, profile)
        var out: UnsafeMutablePointer<UInt8>?
        var size = 0
        var message = [CChar](repeating: 0, count: 256)
        let status = samples.withUnsafeMutableBytes { samples in
            icc.withUnsafeMutableBufferPointer { icc in
                var raw = ci_image(
                    width: UInt32(width), height: UInt32(height), channels: Int32(channels),
                    depth: Int32(depth),
                    samples: samples.baseAddress, icc: icc.baseAddress, icc_size: icc.count, orientation: 1,
                    inks: 0)
                return encoder(&raw, &out, &size, &message)
            }
        }
        guard status == CI_OK, let out else {
            throw Failure(
                .badJob, code: "image.memory", message: "the picture could not be encoded",
                hint: "There may be too little memory.")
        }
        defer { free(out) }
        return Array(UnsafeBufferPointer(start: out, count: size))
    }
}
