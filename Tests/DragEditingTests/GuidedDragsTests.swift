import Foundation
import Settings
import TensorCore
import TestSupport
import Testing

@testable import DragEditing

/// What an edit prompt has moved along the drags already.
@Suite struct GuidedDragsTests {
    private static let size = Size(height: 128, width: 128)
    /// The fox's ear, 20 pixels.
    private let drag = Drag(from: ImagePoint(x: 94, y: 24), to: ImagePoint(x: 110, y: 12))

    private func fox() throws -> Tensor { try ConstructedPictures.picture("examples/images/fox.png") }

    private func moved(_ picture: Tensor, by part: Double) -> Tensor {
        DragWarp([drag], part: part, image: Self.size, mask: nil, grid: Self.size).warped(picture)
    }

    private func start(_ plain: Tensor, _ guided: Tensor, _ drag: Drag? = nil, in image: Size = size)
        -> ImagePoint
    {
        GuidedDrags([drag ?? self.drag], from: plain, to: guided, in: image).starts[0]
    }

    @Test(arguments: [0, 0.25, 0.5, 0.75, 1])
    func `content that a text has moved part of the way is found there, and the rest of the way is left`(
        part: Double
    ) throws {
        let (fox, way) = (try fox(), SIMD2(16 * part, -12 * part))
        let found = GuidedDrags([drag], from: fox, to: moved(fox, by: part), in: Self.size)
        #expect(found.starts[0].distance(to: ImagePoint(x: 94 + way.x, y: 24 + way.y)) <= 1)
        #expect(found.rest[0].handle == found.starts[0] && found.rest[0].target == drag.target)
    }

    @Test func `a text that changes colours moves nothing`() throws {
        let fox = try fox()
        // Red and blue change places: an orange fox becomes a blue one, and white stays white.
        let blue = Tensor(fox.shape, fox.values.indices.map { fox.values[$0 - $0 % 3 + 2 - $0 % 3] })
        #expect(start(fox, blue) == drag.handle)
        let found = start(fox, moved(blue, by: 0.5))
        #expect(found.distance(to: ImagePoint(x: 102, y: 18)) <= 1)
    }

    @Test func `what is no longer there, and plain content, count as unmoved`() throws {
        let fox = try fox()
        var draws = SeededGenerator(seed: 1)
        #expect(start(fox, draws.normal(fox.shape)) == drag.handle)
        let plain = Tensor.zeros(fox.shape)
        #expect(start(plain, plain) == drag.handle)
        #expect(start(fox, plain) == drag.handle)
    }

    @Test func `other content of the same kind along the drag is not the handle's`() {
        /// Two dots, the first of them as a blot of another form.
        func dots(first: (Int, Int) -> Bool) -> Tensor {
            Tensor(
                [1, 128, 128, 3],
                (0..<128 * 128).flatMap { i -> [Float] in
                    let (row, column) = (i / 128 - 64, i % 128)
                    let isDot = first(row, column - 40) || hypot(Float(row), Float(column - 80)) < 5
                    return Array(repeating: isDot ? 0 : 1, count: 3)
                })
        }
        let across = Drag(from: ImagePoint(x: 40, y: 64), to: ImagePoint(x: 80, y: 64))
        let plain = dots { hypot(Float($0), Float($1)) < 5 }
        let blot = dots { abs($0) < 7 && abs($1) < 3 }
        #expect(start(plain, blot, across).distance(to: across.handle) <= 1)
        let way = dots { hypot(Float($0), Float($1 - 20)) < 5 }
        #expect(start(plain, way, across) == ImagePoint(x: 60, y: 64))
    }

    @Test func `points refer to the input's own size`() throws {
        let fox = try fox()
        let large = Drag(from: ImagePoint(x: 940, y: 240), to: ImagePoint(x: 1100, y: 120))
        let found = start(fox, moved(fox, by: 0.5), large, in: Size(height: 1280, width: 1280))
        #expect(found.distance(to: ImagePoint(x: 1020, y: 180)) <= 10)
    }

    @Test func `a drag without a way stays where it is`() throws {
        let fox = try fox()
        let still = Drag(from: drag.handle, to: drag.handle)
        #expect(start(fox, fox, still) == drag.handle)
        let warp = DragWarp([still], part: 1, image: Self.size, mask: nil, grid: Self.size)
        #expect(warp.warped(fox).values == fox.values)
    }
}
