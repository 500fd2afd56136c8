import Foundation
import Imaging
import JSON
import Testing

/// An edit of a large picture changes its region and nothing else.
@Suite(.serialized) struct RegionTests {
    private let quick = "settings: {max_steps: 2, num_steps: 10, lora: {steps: 1, batch: 1}}\n"

    /// A picture of 600×400 pixels with a grain that a model of 128 pixels cannot show.
    private func picture(depth: Int = 8, alpha: [UInt16]? = nil) -> Image {
        let maximum = Double(depth == 16 ? 65535 : 255)
        let samples = (0..<600 * 400 * 3).map { i -> UInt16 in
            let (x, y, c) = (Double(i / 3 % 600), Double(i / 3 / 600), Double(i % 3))
            let value = 0.5 + 0.2 * sin(x / 30 + c) * cos(y / 25) + 0.15 * sin(x * 2.3) * sin(y * 1.9)
            return UInt16(value * maximum)
        }
        return Image(width: 600, height: 400, depth: depth, samples: samples, alpha: alpha)
    }

    private func run(_ picture: Image, _ spec: String, _ more: [String] = []) throws -> (
        result: Image, trajectory: JSONValue
    ) {
        let folder = try TemporaryFolder()
        let (path, text, out) = ("\(folder.path)/p.png", "\(folder.path)/p.yaml", "\(folder.path)/out")
        try Data(try picture.pngBytes()).write(to: URL(filePath: path))
        try (spec + quick).write(toFile: text, atomically: true, encoding: .utf8)
        let (code, _, errors) = try Program.run(["edit", path, text, "--out", out] + more)
        try #require(code == 0, "\(errors)")
        return (
            try Image(decoding: Array(Data(contentsOf: URL(filePath: "\(out)/result.png")))),
            try #require(JSONValue(parsing: Array(Data(contentsOf: URL(filePath: "\(out)/trajectory.json")))))
        )
    }

    /// Whether two pictures show the same colour at a pixel.
    private func isSame(_ a: Image, _ b: Image, at i: Int) -> Bool {
        (3 * i..<3 * i + 3).allSatisfy { a.samples[$0] == b.samples[$0] }
    }

    /// Pixels that differ, as columns and rows.
    private func changes(_ a: Image, _ b: Image) -> (columns: ClosedRange<Int>, rows: ClosedRange<Int>)? {
        var box: (Int, Int, Int, Int)?
        for i in 0..<a.width * a.height where !isSame(a, b, at: i) {
            let (x, y) = (i % a.width, i / a.width)
            box = box.map { (min($0.0, x), max($0.1, x), min($0.2, y), max($0.3, y)) } ?? (x, x, y, y)
        }
        return box.map { ($0.0...$0.1, $0.2...$0.3) }
    }

    @Test(arguments: [8, 16]) func `only the region changes, and points refer to the whole picture`(
        depth: Int
    )
        throws
    {
        let source = picture(depth: depth)
        let (result, t) = try run(
            source, "prompt: {source: a}\ndrags: [{from: [400, 200], to: [420, 190]}]\n")
        let changed = try #require(changes(source, result))
        // The region: 128 pixels, the model's own size, around the drag's middle.
        #expect(changed.columns.lowerBound > 346 && changed.columns.upperBound < 474)
        #expect(changed.rows.lowerBound > 131 && changed.rows.upperBound < 259)
        #expect(result.depth == depth)
        #expect(t["image"]?["width"]?.integer == 600 && t["image"]?["working_width"]?.integer == 128)
        let path = try #require(t["handles"]?.elements?.first?["path"]?.elements)
        let x = try #require(path.first?.elements?.first?.number)
        #expect((390...430).contains(x))
        let notes = (t["notes"]?.elements ?? []).compactMap { $0.string }
        #expect(notes.contains("edited at 128×128 of 600×400, region 128×128 at (346, 131)"))
    }

    @Test(arguments: [
        ("prompt: {source: fox}", "128×128 pixels at (346, 131)"),
        ("prompt: {source: fox, edit: wolf}", "the whole picture"),
        ("prompt: {source: fox, edit: wolf}\nregion: auto", "128×128 pixels at (346, 131)"),
        ("prompt: {source: fox, edit: wolf}\nsettings: {text_sampling: 0}", "128×128 pixels at (346, 131)"),
        (
            "prompt: {source: fox, edit: wolf}\nmask: {rect: [380, 170, 60, 60]}",
            "128×128 pixels at (346, 131)"
        ),
    ]) func `a text that guides sampling sees the whole picture, unless a mask or a region says otherwise`(
        spec: String, region: String
    ) throws {
        let folder = try TemporaryFolder()
        try Data(try picture().pngBytes()).write(to: URL(filePath: "\(folder.path)/p.png"))
        try (spec + "\ndrags: [{from: [400, 200], to: [420, 190]}]\n").write(
            toFile: "\(folder.path)/p.yaml", atomically: true, encoding: .utf8)
        let (code, output, errors) = try Program.run(["check", "\(folder.path)/p.yaml"])
        #expect(code == 0, "\(errors)")
        #expect(output.contains("region     \(region)\n"), "\(output)")
    }

    @Test func `a text that changes nothing beside a drag gives the drag's own picture`() throws {
        let source = picture()
        let drags = "drags: [{from: [400, 200], to: [420, 190]}]\nregion: auto\n"
        let alone = try run(source, "prompt: {source: a}\n" + drags).result
        let text = try run(
            source, "prompt: {source: a, edit: b}\n" + drags,
            ["--set", "text_layout=free", "--set", "text_sampling=0.000001"])
        func difference(_ a: Image, _ b: Image) -> Double {
            zip(a.samples, b.samples).reduce(0) { $0 + abs(Double($1.0) - Double($1.1)) }
        }
        // The text's cells widen the part that may change, so the edit fades in elsewhere.
        let (drag, rest) = (difference(source, alone), difference(text.result, alone))
        #expect(drag > 1000 && rest < 0.05 * drag, "\(rest) of \(drag)")
        #expect(text.trajectory["steps"]?.integer == 1)
    }

    @Test func `nothing outside a mask changes`() throws {
        let source = picture()
        let (result, _) = try run(
            source,
            "prompt: {source: a}\ndrags: [{from: [300, 200], to: [340, 200]}]\nmask: {rect: [280, 170, 90, 60]}\n"
        )
        let changed = try #require(changes(source, result))
        #expect(changed.columns.lowerBound >= 280 && changed.columns.upperBound < 370)
        #expect(changed.rows.lowerBound >= 170 && changed.rows.upperBound < 230)
    }

    @Test func `a point outside the region is an error at the point`() throws {
        let folder = try TemporaryFolder()
        try Data(try picture().pngBytes()).write(to: URL(filePath: "\(folder.path)/p.png"))
        let spec = "drags:\n  - {from: [300, 200], to: [340, 200]}\nregion: {rect: [200, 100, 120, 120]}\n"
        try spec.write(toFile: "\(folder.path)/p.yaml", atomically: true, encoding: .utf8)
        let (code, _, errors) = try Program.run(["check", "\(folder.path)/p.yaml"])
        #expect(code == 65)
        #expect(
            errors.contains("p.yaml:2:28: error: this point lies outside the region 120×120 at (200, 100)"))
    }

    @Test func `the colours of transparent pixels do not reach the result`() throws {
        let alpha = (0..<600 * 400).map { i -> UInt16 in
            let (x, y) = (Double(i % 600) - 300, Double(i / 600) - 200)
            return hypot(x, y) < 60 ? 255 : 0
        }
        let source = picture(alpha: alpha)
        var painted = source
        for i in alpha.indices where alpha[i] == 0 { painted.samples[3 * i] = 255 }
        let spec = "prompt: {source: a}\ndrags: [{from: [330, 200], to: [360, 200]}]\n"
        let (first, second) = (try run(source, spec).result, try run(painted, spec).result)
        #expect(first.alpha == second.alpha)
        var different = 0
        for i in alpha.indices where (first.alpha?[i] ?? 0) > 0 && !isSame(first, second, at: i) {
            different += 1
        }
        #expect(different == 0)
    }
}

extension JSONValue {
    /// The elements of an array.
    fileprivate var elements: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
}
