import Foundation
import Settings
import TensorCore
import TestSupport
import Testing

@testable import DragEditing

/// The largest outline in a picture, and the stretch inside it.
@Suite struct LargestOutlineTests {
    private static let size = Size(height: 128, width: 128)
    private static let grid = Size(height: 32, width: 32)

    /// A yellow disc of radius 50 around the middle on white, with a dark mouth.
    private func face(_ side: Int = 128) -> Tensor {
        Tensor(
            [1, side, side, 3],
            (0..<side * side).flatMap { i -> [Float] in
                let scale = 128 / Double(side)
                let (x, y) = ((Double(i % side) + 0.5) * scale - 64, (Double(i / side) + 0.5) * scale - 64)
                if abs(x) < 16 && abs(y - 20) < 3 { return [0.2, 0.1, 0] }
                return hypot(x, y) < 50 ? [1, 0.8, 0.1] : [1, 1, 1]
            })
    }

    private func drag(_ x: Double, _ y: Double, to: (x: Double, y: Double)) -> Drag {
        Drag(from: ImagePoint(x: x, y: y), to: ImagePoint(x: to.x, y: to.y))
    }

    private func inside(_ picture: Tensor, _ drags: [Drag], image: Size = size) -> EditMask? {
        LargestOutline(of: picture).inside(drags, image: image, grid: Self.grid)
    }

    @Test func `the rim of a face is held, its mouth and the ground are not`() throws {
        let mask = try #require(inside(face(), [drag(64, 84, to: (64, 94))]))
        let middles = mask.values.indices.map { i in
            hypot(4 * Double(i % 32) + 2 - 64, 4 * Double(i / 32) + 2 - 64)
        }
        #expect(zip(mask.values, middles).allSatisfy { $0 || abs($1 - 50) < 6 })
        // A turn of a circle of radius 50 crosses more than 70 cells.
        #expect(mask.values.count { !$0 } > 70)
    }

    @Test func `drags that begin, end or pass near an outline may move it`() {
        #expect(inside(face(), [drag(64, 84, to: (64, 104))]) != nil)
        #expect(inside(face(), [drag(64, 84, to: (64, 110))]) == nil)
        #expect(inside(face(), [drag(64, 111, to: (64, 90))]) == nil)
        #expect(inside(face(), [drag(64, 84, to: (64, 127))]) == nil)
        #expect(inside(face(), [drag(64, 84, to: (64, 94)), drag(17, 64, to: (30, 64))]) == nil)
        #expect(inside(face(), []) == nil)
    }

    @Test func `an outline that does not surround the drags is not held`() throws {
        let face = face()
        #expect(inside(face, [drag(6, 6, to: (6, 14))]) == nil)
        // A mouth without a face around it.
        let values = face.values
        let mouth = values.indices.map { values[$0 - $0 % 3] > 0.5 ? 1 : values[$0] }
        #expect(inside(Tensor(face.shape, mouth), [drag(64, 40, to: (64, 52))]) == nil)
        // The picture's border cuts the face, so it is open there.
        let cut = values.indices.map { values[($0 + 3 * 128 * 40) % values.count] }
        #expect(inside(Tensor(face.shape, cut), [drag(64, 44, to: (64, 54))]) == nil)
    }

    @Test func `a plain picture has no outline`() {
        let plain = Tensor([1, 128, 128, 3], Array(repeating: 0.5, count: 128 * 128 * 3))
        #expect(inside(plain, [drag(64, 84, to: (64, 94))]) == nil)
    }

    @Test func `a large picture has the same outline, and points are in its pixels`() throws {
        let large = Size(height: 512, width: 512)
        let small = try #require(inside(face(), [drag(64, 84, to: (64, 94))]))
        let mask = try #require(inside(face(512), [drag(256, 336, to: (256, 376))], image: large))
        #expect(zip(mask.values, small.values).count { $0 != $1 } < 8)
        #expect(inside(face(512), [drag(256, 336, to: (256, 440))], image: large) == nil)
    }

    private func warp(_ drags: [Drag], mask: EditMask? = nil, _ picture: Tensor) -> DragWarp {
        DragWarp(drags, part: 1, of: picture, image: Self.size, mask: mask, grid: Self.grid)
    }

    /// How far the content at a place came.
    private func shift(_ warp: DragWarp, _ x: Float, _ y: Float) -> Float {
        let way = warp.origin(of: SIMD2(y, x), in: Self.size) - SIMD2(y, x)
        return (way * way).sum().squareRoot()
    }

    @Test func `the stretch of a face leaves its rim in place, and a given mask decides by itself`() {
        let drags = [drag(64, 84, to: (64, 96))]
        let (held, free) = (
            warp(drags, face()), DragWarp(drags, part: 1, image: Self.size, mask: nil, grid: Self.grid)
        )
        #expect(shift(free, 64, 113) > 3 && shift(held, 64, 113) < 0.5)
        #expect(abs(shift(held, 64, 96) - 12) < 0.1)
        let everywhere = EditMask(size: Self.grid, values: Array(repeating: true, count: 32 * 32))
        #expect(warp(drags, mask: everywhere, face()).field.values == free.field.values)
    }

    @Test func `where content would not arrive inside the outline, the outline is not held`() {
        // From both sides to places beside each other: no smooth shift does that.
        let drags = [drag(44, 64, to: (63, 64)), drag(84, 64, to: (65, 64))]
        #expect(inside(face(), drags) != nil)
        let free = DragWarp(drags, part: 1, image: Self.size, mask: nil, grid: Self.grid)
        #expect(warp(drags, face()).field.values == free.field.values)
    }
}
