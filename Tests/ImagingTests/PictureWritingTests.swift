import Foundation
import Imaging
import Testing

@Suite struct PictureWritingTests {
    @Test(arguments: ["rgb8.png", "rgba8.png", "rgb16-16bit.png", "rgba16-16bit.png", "rgb8-profile.png"])
    func `a PNG comes back the same: samples, alpha, depth, profile`(_ name: String) throws {
        let image = try Image(decoding: try Pictures.bytes(name))
        let again = try Image(decoding: try image.pngBytes())
        #expect(again == image)
        #expect(image.colours.profile.isEmpty == !name.contains("profile"))
        #expect(try image.pngBytes() == image.pngBytes())
    }

    @Test func `a JPEG keeps size and profile, and nearly the samples`() throws {
        let image = try Image(decoding: try Pictures.bytes("profile.jpg"))
        let again = try Image(decoding: try image.jpegBytes(quality: 95))
        #expect((again.width, again.height) == (image.width, image.height))
        #expect(again.colours.profile == image.colours.profile && !image.colours.profile.isEmpty)
        let difference = zip(again.samples, image.samples).reduce(0) { $0 + abs(Int($1.0) - Int($1.1)) }
        #expect(Double(difference) / Double(image.samples.count) < 6)
        #expect(try image.jpegBytes(quality: 10).count < image.jpegBytes(quality: 95).count)
    }

    @Test func `samples are rounded to nearest, and the rest of the picture stays`() throws {
        let image = try Image(decoding: try Pictures.bytes("rgba16-16bit.png"))
        #expect(image.replacingSamples(image.normalised) == image)
        let edited = image.replacingSamples(Array(repeating: 0.5, count: image.samples.count))
        #expect(edited.alpha == image.alpha)
        #expect(edited.samples.allSatisfy { $0 == 32768 })
    }

    @Test func `a grey or ink profile is not put into an RGB file`() throws {
        #expect(try Image(decoding: try Pictures.bytes("cmyk.jpg")).colours.profile.isEmpty)
    }

    @Test func `an animation has its frames, numbered without a gap`() throws {
        let frames = (0..<4).map { k in
            Image(width: 40, height: 32, samples: (0..<40 * 32 * 3).map { UInt16(($0 * 7 + k * 40) % 256) })
        }
        let bytes = try AnimatedPNG.bytes(frames: frames, milliseconds: 100, lastMilliseconds: 900)
        #expect(FileSignature.completeness(of: bytes) == .complete)
        // A reader that knows no animations sees the first frame.
        #expect(try Image(decoding: bytes).samples == frames[0].samples)
        var sequence: [UInt32] = []
        var names: [String] = []
        var at = 8
        while at + 12 <= bytes.count {
            let length = bytes[at..<at + 4].reduce(0) { $0 << 8 | Int($1) }
            let name = String(decoding: bytes[at + 4..<at + 8], as: UTF8.self)
            names.append(name)
            if name == "fcTL" || name == "fdAT" {
                sequence.append(bytes[at + 8..<at + 12].reduce(0) { $0 << 8 | UInt32($1) })
            }
            at += 12 + length
        }
        #expect(sequence == Array(0..<UInt32(sequence.count)))
        #expect(names.count { $0 == "fcTL" } == 4)
        #expect(names.first == "IHDR" && names[1] == "acTL" && names.last == "IEND")
    }

    @Test func `masks of shapes are their union`() throws {
        let mask = MaskShape.union(
            [
                .rectangle(x: 1, y: 1, width: 2, height: 1), .circle(x: 5.5, y: 3.5, radius: 0.6),
                .polygon([(0, 4), (3.2, 4), (0, 7.2)]),
            ],
            width: 8, height: 8)
        let rows = (0..<8).map { y in String((0..<8).map { mask[y * 8 + $0] ? "#" : "." }) }
        #expect(
            rows == [
                "........", ".##.....", "........", ".....#..", "###.....", "##......", "#.......",
                "........",
            ])
    }

    @Test func `marks are drawn at their places, also at the border, and nowhere else`() {
        var image = Image(width: 64, height: 64, samples: Array(repeating: 128, count: 64 * 64 * 3))
        image.drawDisc(x: 0, y: 0, radius: 4, .handle)
        image.drawLine(from: (10, 60), to: (90, 60), width: 2, .path)
        #expect(image.samples[0] == 230)
        #expect(image.samples[3 * (60 * 64 + 63)] == 255)
        #expect(image.samples[3 * (30 * 64 + 30)] == 128)
        let before = image
        image.drawDisc(x: 90, y: 30, radius: 4, .handle)
        image.drawLine(from: (-20, -20), to: (-10, 80), width: 2, .path)
        #expect(image == before)
    }
}
