import Diffusion
import Foundation
import Settings
import TensorCore
import Testing
import TestSupport

@testable import DragEditing

/// The stretched picture. Each pixel of the test picture holds its own coordinates, so the result shows where it came from.
@Suite struct DragWarpTests {
    private static let side = 128
    private static let cells = Size(height: 32, width: 32)

    /// Where every pixel of the stretched picture comes from.
    private struct Sources {
        let values: [Float]

        init(_ drags: [Drag], part: Double = 1, mask: EditMask? = nil) {
            let size = Size(height: side, width: side)
            let places = Tensor(
                [1, side, side, 2], (0..<side * side).flatMap { [Float($0 % side), Float($0 / side)] })
            values =
                DragWarp(drags, part: part, image: size, mask: mask, grid: cells).warped(places).values
        }

        func callAsFunction(_ x: Int, _ y: Int) -> ImagePoint {
            ImagePoint(x: Double(values[2 * (y * side + x)]), y: Double(values[2 * (y * side + x) + 1]))
        }

        func shift(_ x: Int, _ y: Int) -> Double {
            self(x, y).distance(to: ImagePoint(x: Double(x), y: Double(y)))
        }
    }

    private func drag(_ x: Double, _ y: Double, to: (x: Double, y: Double)) -> Drag {
        Drag(from: ImagePoint(x: x, y: y), to: ImagePoint(x: to.x, y: to.y))
    }

    @Test(arguments: [1, 0.5]) func `the content around the handle point arrives undistorted at its goal`(
        part: Double
    ) {
        let sources = Sources([drag(60, 70, to: (72, 62))], part: part)
        let (dx, dy) = (12 * part, -8 * part)
        for (reach, tolerance) in [(0, 1e-4), (2, 0.01)] {
            for (ox, oy) in [(reach, reach), (-reach, reach), (reach, -reach), (-reach, -reach)] {
                let wanted = ImagePoint(x: Double(60 + ox), y: Double(70 + oy))
                let found = sources(60 + Int(dx) + ox, 70 + Int(dy) + oy)
                #expect(found.distance(to: wanted) < tolerance)
            }
        }
    }

    @Test func `nothing moves outside the drag's surroundings`() {
        let drag = drag(60, 70, to: (72, 62))
        let sources = Sources([drag])
        let disc = EditMask.Disc(around: drag, size: Size(height: Self.side, width: Self.side))
        var looked = 0
        for i in 0..<Self.side * Self.side {
            let (x, y) = (i % Self.side, i / Self.side)
            // A cell of the field reaches one cell further.
            guard ImagePoint(x: Double(x), y: Double(y)).distance(to: disc.middle) > disc.radius + 6 else {
                continue
            }
            #expect(sources.shift(x, y) == 0)
            looked += 1
        }
        #expect(looked > 5000)
    }

    @Test(arguments: [4.0, 12, 30, 45], [0.0, 0.7, 1.6, 3.1, 4.4])
    func `stretching never folds the content`(length: Double, angle: Double) {
        let target = (x: 64 + length / 2 * cos(angle), y: 64 + length / 2 * sin(angle))
        expectNoFolds(Sources([drag(128 - target.x, 128 - target.y, to: target)]))
    }

    private func expectNoFolds(_ sources: Sources) {
        var inside = 0
        for y in 1..<Self.side - 1 {
            for x in 1..<Self.side - 1 {
                let (a, b, c, d) = (
                    sources(x - 1, y), sources(x + 1, y), sources(x, y - 1), sources(x, y + 1)
                )
                let area = (b.x - a.x) * (d.y - c.y) - (b.y - a.y) * (d.x - c.x)
                // What would come from beyond the picture repeats its border: no area, but none turned over.
                let isInside = [a, b, c, d].allSatisfy {
                    (0.01..<126.99).contains($0.x) && (0.01..<126.99).contains($0.y)
                }
                #expect(isInside ? area > 0 : area >= -1e-6, "at \(x), \(y)")
                inside += isInside ? 1 : 0
            }
        }
        #expect(inside > 10_000)
    }

    @Test
    func `each of several drags moves its own content, and a drag of no length holds its content in place`() {
        let drags = [
            drag(36, 78, to: (24, 74)), drag(92, 78, to: (104, 74)), drag(64, 78, to: (64, 78)),
        ]
        let goals = drags.map(\.target)
        let field = DragField(
            drags, places: goals, image: Size(height: Self.side, width: Self.side), held: HeldCells())
        for (shift, drag) in zip(field.shifts(goals), drags) {
            let found = ImagePoint(x: drag.target.x - shift.x, y: drag.target.y - shift.y)
            #expect(found.distance(to: drag.handle) < 1e-6)
        }
        // Between the field's cells its curve is straight.
        let sources = Sources(drags)
        for drag in drags {
            #expect(sources(Int(drag.target.x), Int(drag.target.y)).distance(to: drag.handle) < 0.05)
        }
    }

    @Test(arguments: [0, 0.5, 2, 6, 10])
    func `goals side by side that contradict each other move nothing by more than twice the longest drag`(
        apart: Double
    ) throws {
        let drags = [drag(52, 64, to: (64, 64)), drag(64, 52, to: (64 + apart, 64))]
        let field = DragField(
            drags,
            places: (0..<Self.side * Self.side).map {
                ImagePoint(x: Double($0 % Self.side), y: Double($0 / Self.side))
            }, image: Size(height: Self.side, width: Self.side), held: HeldCells())
        let longest = field.shifts(drags.map(\.target)).map { hypot($0.x, $0.y) }.max()
        #expect(try #require(longest) <= 2 * hypot(apart, 12))
    }

    @Test(arguments: 0..<40) func `drags together never fold the content`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let drags = (0..<Int.random(in: 2...5, using: &random)).map { _ in
            let (x, y) = (
                Double.random(in: 40...88, using: &random), Double.random(in: 40...88, using: &random)
            )
            return drag(
                x, y,
                to: (
                    x + Double.random(in: -20...20, using: &random),
                    y + Double.random(in: -20...20, using: &random)
                ))
        }
        expectNoFolds(Sources(drags))
    }

    @Test func `masked content stays in place, and a masked target moves nothing`() {
        // The left half may change.
        let mask = EditMask(
            size: Self.cells, values: (0..<32 * 32).map { $0 % 32 < 16 })
        let inside = Sources([drag(30, 64, to: (42, 64))], mask: mask)
        #expect(inside(42, 64).distance(to: ImagePoint(x: 30, y: 64)) < 1e-3)
        for y in 0..<Self.side {
            for x in 66..<Self.side { #expect(inside.shift(x, y) == 0) }
        }
        let beyond = Sources([drag(50, 64, to: (80, 64))], mask: mask)
        for i in 0..<Self.side * Self.side { #expect(beyond.shift(i % Self.side, i / Self.side) == 0) }
    }

    @Test(arguments: [16.0, 20, 26]) func `in a narrow mask content goes the whole way, bent and not folded`(
        radius: Double
    ) {
        let isFree = (0..<32 * 32).map { i -> Bool in
            let (x, y) = (4 * Double(i % 32) + 1.5, 4 * Double(i / 32) + 1.5)
            return hypot(x - 64, y - 60) <= radius
        }
        let mask = EditMask(size: Self.cells, values: isFree)
        let sources = Sources([drag(57, 62, to: (71, 58))], mask: mask)
        // Cells that unfolding has touched no longer carry the core undistorted.
        #expect(sources(71, 58).distance(to: ImagePoint(x: 57, y: 62)) < 1.5)
        expectNoFolds(sources)
        for i in 0..<Self.side * Self.side {
            let (x, y) = (i % Self.side, i / Self.side)
            // A cell of the field reaches one cell further.
            if hypot(Double(x) - 64, Double(y) - 60) > radius + 6 { #expect(sources.shift(x, y) == 0) }
        }
    }

    @Test func `near a mask's edge the content moves only as far as there is room`() {
        let mask = EditMask(size: Self.cells, values: (0..<32 * 32).map { $0 % 32 < 16 })
        let sources = Sources([drag(30, 64, to: (60, 64))], mask: mask)
        let line = (0..<Self.side).map { sources($0, 64).x }.drop { $0 == 0 }
        #expect(zip(line, line.dropFirst()).allSatisfy { $0 < $1 })
        #expect((0..<Self.side).contains { sources.shift($0, 64) > 0.5 })
    }

    @Test(arguments: [
        Size(height: 128, width: 128), Size(height: 96, width: 200), Size(height: 20, width: 31),
    ])
    func `between the field's cells the ways are bilinear, at any size of the picture`(size: Size) {
        let image = Size(height: 128, width: 128)
        let warp = DragWarp(
            [drag(60, 70, to: (72, 62)), drag(20, 30, to: (14, 40))], part: 1, image: image, mask: nil,
            grid: Self.cells)
        let ways = apply(Resize(height: size.height, width: size.width, .bilinear), Variable(warp.field))
            .value
            .values
        let scale = SIMD2(Float(size.height), Float(size.width)) / 128
        let most = SIMD2(Float(size.height - 1), Float(size.width - 1))
        var moved = 0
        for (i, origin) in warp.origins(size).enumerated() {
            let place = SIMD2(Float(i / size.width), Float(i % size.width))
            let expected = (place + SIMD2(ways[2 * i], ways[2 * i + 1]) * scale)
                .clamped(lowerBound: .zero, upperBound: most)
            let apart = expected - origin
            #expect(abs(apart.x) < 1e-4 && abs(apart.y) < 1e-4)
            moved += origin == place ? 0 : 1
        }
        #expect(moved > size.height * size.width / 20)
    }

    @Test
    func
        `an edit that is nothing but the stretch is its own unedited picture; else the reconstruction is stretched`()
        throws
    {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        var settings = EditSettings()
        (settings.stepCount, settings.dragStepLimit, settings.fusion, settings.lora.steps) = (10, 0, .drag, 0)
        var request = EditRequest(
            image: try workingPicture("starter/lora_training.png", model), sourcePrompt: "a face",
            drags: [drag(20, 20, to: (40, 24))], settings: settings)
        let plain = try DragEditor(model).edit(request)
        #expect(plain.stretch == nil && plain.unedited.values == plain.reconstruction.values)
        request.settings.warp = 1
        let alone = try DragEditor(model).edit(request)
        #expect(alone.record.stretch?.isAlone == true && alone.unedited.values == alone.decoded.values)
        (request.settings.dragStepLimit, request.settings.warp) = (1, 0.5)
        let dragged = try DragEditor(model).edit(request)
        #expect(dragged.record.steps == 1 && dragged.record.stretch?.isAlone == false)
        #expect(
            dragged.unedited.values
                == (try #require(dragged.stretch)).warped(dragged.reconstruction).values)
    }

    @Test func `the loop starts at the stretched picture's latent and compares with the source's features`()
        throws
    {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        var settings = EditSettings()
        (settings.stepCount, settings.dragStepLimit, settings.fusion, settings.lora.steps) = (10, 2, .drag, 0)
        (settings.reach, settings.tracking) = (0.001, .nearest)
        var request = EditRequest(
            image: try workingPicture("starter/lora_training.png", model), sourcePrompt: "a face",
            drags: [drag(20, 20, to: (40, 24))], settings: settings)
        func trace() throws -> (tensors: [String: Tensor], result: EditResult) {
            var tensors: [String: Tensor] = [:]
            let result = try DragEditor(model).edit(request, record: { tensors[$0] = $1 })
            return (tensors, result)
        }
        let plain = try trace()
        request.settings.warp = 1
        let warped = try trace()
        #expect(plain.tensors["image.warped"] == nil)
        // The same source, and the same F0.
        for key in ["latent.inverted", "features.initial"] {
            #expect(try #require(warped.tensors[key]).values == #require(plain.tensors[key]).values, "\(key)")
        }
        // The start is the inversion of the stretched picture: what an edit of that picture itself inverts to.
        request.image = try #require(warped.tensors["image.warped"])
        request.settings.warp = 0
        let other = try trace()
        #expect(
            try #require(warped.tensors["iter.0000.latent"]).values
                == #require(other.tensors["latent.inverted"]).values)
        #expect(warped.tensors["iter.0000.latent"]?.values != plain.tensors["iter.0000.latent"]?.values)
        // The content has moved already: the first iteration tracks.
        #expect(plain.result.record.iterations[0].handles == plain.result.record.handles.map(\.start))
        #expect(warped.result.record.iterations[0].handles != plain.result.record.iterations[0].handles)
        // Without drags there is nothing to stretch, and no handle whose progress patience could judge.
        request.drags = []
        (request.settings.warp, request.settings.patience) = (1, 1)
        request.settings.dragStepLimit = 5
        let free = try trace()
        #expect(free.tensors["image.warped"] == nil)
        #expect(free.result.record.steps == 5)
    }
}
