import Foundation
import Imaging
import JSON
import Testing

/// Real-life pictures and masks, with the program.
@Suite(.serialized) struct PictureTests {
    private let quick = "settings: {max_steps: 0, num_steps: 4, lora: {steps: 0}}\n"
    private let picture: Image = {
        var samples: [UInt16] = []
        for i in 0..<96 * 64 { for c in 0..<3 { samples.append(UInt16(i % 96 * 2 + c * 20)) } }
        return Image(width: 96, height: 64, samples: samples)
    }()

    private static func notes(_ record: JSONValue?) -> [String] {
        guard case .array(let all)? = record?["notes"] else { return [] }
        return all.compactMap(\.string)
    }

    private func write(_ bytes: [UInt8], _ path: String) throws {
        try Data(bytes).write(to: URL(filePath: path))
    }

    /// A grey picture of one row after another of 0…255.
    private func grey(_ width: Int, _ height: Int, alpha: [UInt16]? = nil, _ value: (Int, Int) -> UInt16)
        -> Image
    {
        var samples: [UInt16] = []
        for y in 0..<height { for x in 0..<width { samples += [UInt16](repeating: value(x, y), count: 3) } }
        return Image(width: width, height: height, samples: samples, alpha: alpha)
    }

    /// The answer of `check` to a spec with a mask picture: its notes, or its failure's code and message.
    private func check(mask: Image) throws -> (notes: [String], code: String, message: String) {
        let folder = try TemporaryFolder()
        try write(try picture.pngBytes(), "\(folder.path)/cat.png")
        try write(try mask.pngBytes(), "\(folder.path)/mask.png")
        try write(Array("prompt: a cat\nmask: mask.png\n".utf8), "\(folder.path)/cat.yaml")
        let (_, output, _) = try Program.run(["check", "\(folder.path)/cat.yaml", "--json"])
        let first = output.split(separator: "\n").first ?? ""
        let line = try #require(JSONValue(parsing: Array(first.utf8)))
        let failure = line["error"] ?? line
        return (
            Self.notes(line), failure["code"]?.string ?? "",
            failure["message"]?.string ?? ""
        )
    }

    @Test func `the error of a mask of another size names both sizes`() throws {
        let turned = try check(mask: grey(64, 96) { _, _ in 255 })
        #expect(turned.code == "spec.mask_size")
        #expect(turned.message.contains("the mask mask.png has 64×96 pixels, the picture 96×64"))
        for (width, height) in [(48, 32), (95, 64), (192, 64), (192, 127)] {
            #expect(try check(mask: grey(width, height) { _, _ in 255 }).code == "spec.mask_size")
        }
    }

    @Test func `a mask of a whole multiple of the picture's size is scaled, with a note`() throws {
        let double = try check(mask: grey(192, 128) { x, _ in x < 96 ? 255 : 0 })
        #expect(double.code == "")
        #expect(double.notes == ["the mask mask.png has 2 times the picture's size (192×128): it is scaled"])
    }

    @Test func `a mask without a free pixel is an error`() throws {
        let noise = try check(mask: grey(96, 64) { x, y in UInt16((x + y) % 4) })
        #expect(noise.code == "spec.empty_mask")
        #expect(noise.message.contains("its largest value is 3 of 255"))
        let folder = try TemporaryFolder()
        try write(try picture.pngBytes(), "\(folder.path)/cat.png")
        try write(
            Array("prompt: a cat\nmask: {rect: [5.6, 5.6, 0.2, 0.2]}\n".utf8), "\(folder.path)/cat.yaml")
        let (code, _, errors) = try Program.run(["check", "\(folder.path)/cat.yaml"])
        #expect(
            code == 65 && errors.contains("cat.yaml:2:")
                && errors.contains("the mask covers the middle of no pixel"))
    }

    @Test func `a mask in the alpha channel is read from there, with a note`() throws {
        let alpha = (0..<96 * 64).map { UInt16($0 % 96 < 20 ? 255 : 0) }
        let read = try check(mask: grey(96, 64, alpha: alpha) { _, _ in 0 })
        #expect(read.code == "")
        #expect(
            read.notes == ["the mask mask.png has its form in its alpha channel: what is opaque may change"])
    }

    @Test func `result, overlay, comparison and animation carry profile and gamma; notes name what is lost`()
        throws
    {
        var source = picture
        source.colours = ColourTags(gamma: 100_000)
        source.density = PixelDensity(x: 11811, y: 11811, unit: .metre)
        source.alpha = [UInt16](repeating: 200, count: 96 * 64)
        let folder = try TemporaryFolder()
        try write(try source.pngBytes(), "\(folder.path)/cat.png")
        let spec = "prompt: a cat\noutput: {extras: [overlay, animation, comparison]}\n\(quick)"
        try write(Array(spec.utf8), "\(folder.path)/cat.yaml")
        func run(_ name: String) throws -> (String) -> Image {
            let out = "\(folder.path)/\(name)"
            let (code, _, errors) = try Program.run([
                "edit", "\(folder.path)/cat.png", "\(folder.path)/cat.yaml", "--out", out,
            ])
            try #require(code == 0, "\(errors)")
            return { file in
                (try? Image(decoding: Array(Data(contentsOf: URL(filePath: "\(out)/\(file)")))))
                    ?? self.picture
            }
        }
        let made = try run("a")
        for file in ["result.png", "overlay.png", "comparison.png", "animation.png"] {
            #expect(made(file).colours.gamma == 100_000, "\(file)")
        }
        #expect(
            made("result.png").density == source.density && made("comparison.png").density == source.density)
        let jpeg = "prompt: a cat\noutput: {format: jpeg}\n\(quick)"
        try write(Array(jpeg.utf8), "\(folder.path)/cat.yaml")
        #expect(try run("b")("result.jpg").density == PixelDensity(x: 300, y: 300, unit: .inch))
        let trajectory = try Data(contentsOf: URL(filePath: "\(folder.path)/b/trajectory.json"))
        let notes = Self.notes(JSONValue(parsing: Array(trajectory)))
        #expect(notes.contains("the picture is transparent in places, its result as JPEG is not"))
        #expect(notes.contains("the picture's gamma and chromaticities are not kept: JPEG has none"))
    }

    @Test func `a picture's extension may be .jfif or .jpe`() throws {
        for ending in ["jfif", "jpe", "JFIF"] {
            let folder = try TemporaryFolder()
            try write(try picture.jpegBytes(quality: 90), "\(folder.path)/cat.\(ending)")
            try write(Array("prompt: a cat\n".utf8), "\(folder.path)/cat.yaml")
            let (code, output, _) = try Program.run(["check", "\(folder.path)/cat.yaml"])
            #expect(code == 0 && output.contains("cat.\(ending), 96×64 pixels"), "\(output)")
        }
    }

    @Test func `the log and --once name what lies beside a spec in its picture's place`() throws {
        let place = try Place(limits: ", orphan_after: 0.1s")
        for name in ["a", "b", "c", "d"] { try place.drop(spec: "\(name).yaml", "prompt: a cat\n") }
        try write(Array("BM".utf8), "\(place.inbox)/a.bmp")
        try FileManager.default.createSymbolicLink(
            atPath: "\(place.inbox)/b.png", withDestinationPath: "/nowhere.png")
        try write([1], "\(place.inbox)/c.png.part")
        let once = try Program.run(place.arguments + ["--once"])
        #expect(once.code == 75)
        let why = [
            "a":
                "a.bmp lies beside it and is no picture: a picture ends in .png, .jpg, .jpeg, .jpe or .jfif\n",
            "b": "b.png lies beside it and is a symbolic link, which is not followed: drop the file itself\n",
            "c": "c.png.part lies beside it: that download has not ended\n",
        ]
        for (name, words) in why {
            #expect(
                once.errors.contains("\(place.inbox)/\(name).yaml has no picture: \(words)"), "\(once.errors)"
            )
        }
        #expect(once.errors.contains("\(place.inbox)/d.yaml has no picture\n"))
        let log = "\(place.folder.path)/log"
        try write([], log)
        let daemon = try place.start(errors: try FileHandle(forWritingTo: URL(filePath: log)))
        func text() -> String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
        place.wait("the orphans") { text().components(separatedBy: "its picture has not come").count == 5 }
        daemon.terminate()
        daemon.waitUntilExit()
        for words in why.values {
            #expect(text().contains("its picture has not come; \(words.dropLast()) "), "\(text())")
        }
    }

    @Test func `explain says why a file is no picture`() throws {
        let place = try Place()
        try place.drop(spec: "cat.yaml", "prompt: a cat\n")
        try write([0xff, 0x0a, 0, 0], "\(place.inbox)/cat.webp")
        // Quiet for long.
        try FileManager.default.setAttributes(
            [.modificationDate: Date(timeIntervalSinceNow: -100)], ofItemAtPath: "\(place.inbox)/cat.yaml")
        func explain(_ name: String) throws -> String {
            try Program.run(["explain", "\(place.inbox)/\(name)", "--config", place.config]).output
        }
        #expect(try explain("cat.yaml").contains("cat.webp lies beside it and is no picture"))
        try write(try picture.pngBytes(), "\(place.inbox)/cat.png")
        try write([], "\(place.inbox)/cat.png.aria2")
        #expect(
            try explain("cat.png").contains(
                "waits: a downloader's control file, cat.png.aria2, lies beside it"))
        #expect(try explain("cat.yaml").contains("waits for a file that it names"))
    }
}
