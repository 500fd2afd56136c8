import Failures
import SpecParser
import YAMLDocuments
import Testing

/// What the size of the picture alone makes wrong in a spec.
@Suite struct SizeCheckTests {
    private func parsed(_ text: String) throws -> ParsedSpec {
        try parseSpec(Array("prompt: x\n\(text)\n".utf8), file: "s.yaml")
    }

    @Test func `a mask has the picture's size or a whole multiple of it`() throws {
        let spec = try parsed("mask: m.png")
        let mark = spec.spec.mask[0].mark
        for (size, scale) in [((40, 30), 1), ((80, 60), 2), ((400, 300), 10)] {
            #expect(try spec.maskScale("m.png", at: mark, of: size, on: (40, 30)) == scale)
        }
        let huge = (1 << 62, 1 << 62)
        for size in [(20, 15), (80, 30), (41, 30), (81, 61), (30, 40), huge] {
            let error = #expect(throws: Failure.self) {
                try spec.maskScale("m.png", at: mark, of: size, on: (40, 30))
            }
            #expect(error?.code == "spec.mask_size" && error?.place?.line == 2)
            #expect(error?.hint.hasPrefix("Turn the mask") == (size == (30, 40)))
        }
    }

    @Test func `a region is cut to the picture, and keeps 32 pixels of it on each side`() throws {
        let cases: [(String, [Int]?)] = [
            ("region: auto", nil), ("region: whole", nil),
            ("region: {rect: [10, 20, 40, 50]}", [10, 20, 40, 50]),
            ("region: {rect: [-10, -20, 90.4, 500]}", [0, 0, 80, 300]),
            ("units: relative\nregion: {rect: [0.5, 0, 0.5, 1]}", [200, 0, 200, 300]),
            ("region: {rect: [-1e300, -9e18, 2e300, 1e20]}", [0, 0, 400, 300]),
        ]
        for (text, expected) in cases {
            let region = try parsed(text).workingRectangle(width: 400, height: 300)
            #expect(region.map { [$0.x, $0.y, $0.width, $0.height] } == expected, "\(text)")
        }
        for rectangle in ["1e300, 0, 9, 9", "390, 0, 64, 64", "-1e308, 0, 1, 1e308", "0, 0, 31, 64"] {
            let error = #expect(throws: Failure.self) {
                try parsed("region: {rect: [\(rectangle)]}").workingRectangle(width: 400, height: 300)
            }
            #expect(error?.code == "spec.region", "\(rectangle)")
        }
    }

    @Test func `drags begin and end in the region`() throws {
        let text = "region: {rect: [10, 10, 40, 40]}\ndrags: [{from: [10, 49.9], to: [49.9, 10]}"
        let good = try parsed(text + "]")
        try good.checkDrags(inside: (10, 10, 40, 40), width: 100, height: 100)
        for point in ["9.9, 20", "20, 50", "50, 20"] {
            let bad = try parsed(text + ", {from: [20, 21], to: [\(point)]}]")
            let error = #expect(throws: Failure.self) {
                try bad.checkDrags(inside: (10, 10, 40, 40), width: 100, height: 100)
            }
            #expect(error?.message == "this point lies outside the region 40×40 at (10, 10)")
        }
    }
}
