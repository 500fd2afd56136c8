import Failures
internal import CImageCodecs

/// An animated PNG (APNG 1.0): ordinary PNG frames whose data chunks are wrapped and numbered.
public enum AnimatedPNG {
    /// The bytes of an endless animation of frames of equal size, with the colour tags of the first frame.
    ///
    /// - Parameters:
    ///   - milliseconds: the time for which each frame shows, except the last one, which shows for `lastMilliseconds`.
    public static func bytes(frames: [Image], milliseconds: Int, lastMilliseconds: Int) throws(Failure)
        -> [UInt8]
    {
        precondition(!frames.isEmpty, "an animation without frames")
        var out: [UInt8] = []
        var sequence: UInt32 = 0
        for (i, frame) in frames.enumerated() {
            let chunks = Array(PNGChunks(try frame.pngBytes()))
            if i == 0 {
                out += [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]
                out += chunks.prefix { $0.name != "IDAT" }.flatMap { chunk($0.name, $0.data) }
                out += chunk("acTL", number(UInt32(frames.count)) + number(0))
            }
            let delay = i == frames.count - 1 ? lastMilliseconds : milliseconds
            let control = number(UInt32(frame.width)) + number(UInt32(frame.height)) + number(0) + number(0)
            out += chunk(
                "fcTL", number(sequence) + control + short(UInt16(clamping: delay)) + short(1000) + [0, 0])
            sequence += 1
            for data in chunks where data.name == "IDAT" {
                if i == 0 {
                    out += chunk("IDAT", data.data)
                } else {
                    out += chunk("fdAT", number(sequence) + data.data)
                    sequence += 1
                }
            }
        }
        return out + chunk("IEND", [])
    }

    private static func chunk(_ name: String, _ data: some Collection<UInt8>) -> [UInt8] {
        let body = Array(name.utf8) + data
        return number(UInt32(data.count)) + body + number(ci_crc32(0, body, body.count))
    }

    private static func number(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
    }
    private static func short(_ value: UInt16) -> [UInt8] {
        [UInt8(value >> 8), UInt8(truncatingIfNeeded: value)]
    }
}
