import Foundation
import Imaging

/// PNG files put together chunk by chunk, and parts of JPEG files, for what no picture of Pictures/ has.
enum Handmade {
    /// Where the samples of a PNG end: behind the data of its last IDAT.
    static func endOfSamples(_ png: [UInt8]) -> Int {
        var (at, end) = (8, 0)
        while at + 8 <= png.count {
            let length = png[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            if png[at + 4..<at + 8].elementsEqual("IDAT".utf8) { end = at + 8 + length }
            at += 12 + length
        }
        return end
    }

    /// The chunks of a PNG.
    static func chunks(_ png: [UInt8]) -> [(name: String, data: [UInt8])] {
        var found: [(String, [UInt8])] = []
        var at = 8
        while at + 12 <= png.count {
            let length = png[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            found.append((text(png[at + 4..<at + 8]), Array(png[at + 8..<at + 8 + length])))
            at += 12 + length
        }
        return found
    }

    /// A PNG with chunks put in before its samples.
    static func png(
        _ image: Image, _ added: [(name: String, data: [UInt8])], afterSamples: Bool = false
    ) throws -> [UInt8] {
        var out = Array(try image.pngBytes()[..<8])
        var isAdded = false
        for part in chunks(try image.pngBytes()) {
            if !isAdded && part.name == (afterSamples ? "IEND" : "IDAT") {
                out += added.flatMap { chunk($0.name, $0.data) }
                isAdded = true
            }
            out += chunk(part.name, part.data)
        }
        return out
    }

    /// A chunk with its checksum.
    static func chunk(_ name: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(name.utf8) + data
        return number(data.count) + body + crc(body)
    }

    /// A JPEG with segments put in behind its first marker.
    static func jpeg(_ jpeg: [UInt8], _ segments: [(marker: UInt8, data: [UInt8])]) -> [UInt8] {
        let added = segments.flatMap { segment -> [UInt8] in
            let length = segment.data.count + 2
            return [0xff, segment.marker, UInt8(length >> 8), UInt8(length & 255)] + segment.data
        }
        return Array(jpeg[..<2]) + added + jpeg[2...]
    }

    /// Four bytes, the highest first.
    static func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 255) } }

    static func crc(_ bytes: [UInt8]) -> [UInt8] {
        var crc: UInt32 = 0xffff_ffff
        for byte in bytes {
            crc ^= UInt32(byte)
            for _ in 0..<8 { crc = crc & 1 == 1 ? crc >> 1 ^ 0xedb8_8320 : crc >> 1 }
        }
        return (0..<4).map { UInt8(truncatingIfNeeded: ~crc >> (24 - 8 * $0)) }
    }

    /// A zlib stream of stored blocks.
    static func stored(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = [0x78, 0x01]
        var at = 0
        repeat {
            let count = min(65535, bytes.count - at)
            let isLast = at + count == bytes.count
            out += [
                isLast ? 1 : 0, UInt8(count & 255), UInt8(count >> 8), UInt8(~count & 255),
                UInt8(~count >> 8 & 255),
            ]
            out += bytes[at..<at + count]
            at += count
        } while at < bytes.count
        var (a, b) = (1, 0)
        for byte in bytes {
            a = (a + Int(byte)) % 65521
            b = (b + a) % 65521
        }
        return out + number(b << 16 | a)
    }

    /// EXIF with an orientation, and perhaps a resolution in dots per inch.
    static func exif(orientation: UInt8, inch: UInt8? = nil) -> [UInt8] {
        var entries: [[UInt8]] = [[0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]]
        if let inch {
            let at = UInt8(8 + 2 + 4 * 12 + 4)
            entries.append([0x01, 0x1a, 0, 5, 0, 0, 0, 1, 0, 0, 0, at])
            entries.append([0x01, 0x1b, 0, 5, 0, 0, 0, 1, 0, 0, 0, at])
            entries.append([0x01, 0x28, 0, 3, 0, 0, 0, 1, 0, 2, 0, 0])
            return Array("MM\0*".utf8) + number(8) + [0, 4] + Array(entries.joined()) + number(0) + [
                0, 0, 0, inch, 0, 0, 0, 1,
            ]
        }
        return Array("MM\0*".utf8) + number(8) + [0, 1] + Array(entries.joined()) + number(0)
    }

    /// A small matrix profile that libpng takes: RGB, D50, three curves and three primaries.
    ///
    /// - Parameters:
    ///   - space: its colour space, four letters.
    ///   - illuminant: X of the illuminant in 1/65536.
    static func profile(space: String = "RGB ", illuminant: Int = 0xf6d6, intent: Int = 0, length: Int? = nil)
        -> [UInt8]
    {
        let names = ["rTRC", "rXYZ"]
        let data: [[UInt8]] = [
            Array("curv".utf8) + number(0) + number(0),
            Array("XYZ ".utf8) + number(0) + number(0x6fa0) + number(0x38f5) + number(0x390),
        ]
        var table = number(names.count)
        var body: [UInt8] = []
        for (name, data) in zip(names, data) {
            table += Array(name.utf8) + number(132 + 12 * names.count + body.count) + number(data.count)
            body += data
        }
        let size = 128 + table.count + body.count
        var header = number(length ?? size) + Array("test".utf8) + number(0x0210_0000)
        header += Array("mntr".utf8) + Array(space.utf8) + Array("XYZ ".utf8)
        header += [UInt8](repeating: 0, count: 12) + Array("acsp".utf8) + [UInt8](repeating: 0, count: 24)
        header += number(intent) + number(illuminant) + number(0x10000) + number(0xd32d)
        return header + [UInt8](repeating: 0, count: 128 - header.count) + table + body
    }

    /// Profile parts as JPEG has them.
    static func profileParts(_ profile: [UInt8], numbers: [(UInt8, UInt8)]) -> [(
        marker: UInt8, data: [UInt8]
    )] {
        let half = profile.count / 2
        return numbers.map { number, count in
            let part = count == 1 ? profile[...] : number == 1 ? profile[..<half] : profile[half...]
            return (0xe2, Array("ICC_PROFILE\0".utf8) + [number, count] + part)
        }
    }

    static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
}
