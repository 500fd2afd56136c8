import Foundation
import TensorCore
import Testing
import TestSupport

@testable import DragEditing

/// Tests/EditorTests/warp.json has fields of `DragWarp`, with which Tests/EditorTests/editor_tests.py compares the stretch that
/// the editor page shows. With `CLIPDRAGD_RECORD` set, this test records them.
@Suite struct EditorWarpTests {
    private struct Case: Codable {
        struct Ends: Codable { let from, to: [Double] }
        let drags: [Ends]
        let part: Double
        let image, grid: [Int]
        /// A circle in cells of the grid that may change; nil: no mask.
        let mask: [Double]?
        /// The picture whose outline may hold its place; nil: none.
        var picture: String?
        /// Offsets x, y of each cell, in pixels.
        var field: [Float]
    }

    private static let file = URL(filePath: #filePath).deletingLastPathComponent().appending(
        path: "../EditorTests/warp.json"
    ).standardized

    private static let shapes: [Case] = [
        Case(
            drags: [.init(from: [60, 70], to: [72, 62])], part: 1, image: [128, 128], grid: [32, 32],
            mask: nil, field: []),
        Case(
            drags: [.init(from: [36, 78], to: [24, 74]), .init(from: [92, 78], to: [104, 74])], part: 0.5,
            image: [128, 128], grid: [32, 32], mask: nil, field: []),
        Case(
            drags: [.init(from: [84, 22], to: [100, 26])], part: 1, image: [128, 128], grid: [32, 32],
            mask: [23, 6, 7.5], field: []),
        Case(
            drags: [.init(from: [500, 300], to: [560, 340]), .init(from: [520, 420], to: [480, 470])],
            part: 1, image: [900, 600], grid: [64, 43], mask: [36, 26, 15], field: []),
        Case(
            drags: [.init(from: [94, 24], to: [108, 18])], part: 1, image: [128, 128], grid: [32, 32],
            mask: [24.6, 4.6, 5], field: []),
        // Against each other: their smooth shift folds the content between them.
        Case(
            drags: [.init(from: [40, 64], to: [66, 64]), .init(from: [88, 64], to: [64, 66])], part: 1,
            image: [128, 128], grid: [32, 32], mask: nil, field: []),
        // Inside a face: its outline holds, and in the second the content would not arrive then.
        Case(
            drags: [
                .init(from: [43, 78], to: [32, 73]), .init(from: [84, 78], to: [96, 73]),
                .init(from: [63, 86], to: [64, 95]),
            ], part: 1, image: [128, 128], grid: [32, 32], mask: nil,
            picture: "examples/bench/expression-slightly-smiling-face-to-grinning-face/image.png", field: []),
        Case(
            drags: [
                .init(from: [64, 79], to: [64, 71]), .init(from: [64, 84], to: [64, 95]),
                .init(from: [40, 81], to: [48, 83]), .init(from: [88, 81], to: [81, 83]),
            ], part: 1, image: [128, 128], grid: [32, 32], mask: nil,
            picture: "examples/bench/expression-neutral-face-to-face-with-open-mouth/image.png", field: []),
    ]

    private static func field(_ shape: Case) throws -> [Float] {
        let image = Size(height: shape.image[1], width: shape.image[0])
        let grid = Size(height: shape.grid[1], width: shape.grid[0])
        let drags = shape.drags.map {
            Drag(
                from: ImagePoint(x: $0.from[0], y: $0.from[1]), to: ImagePoint(x: $0.to[0], y: $0.to[1]))
        }
        let mask = shape.mask.map { circle in
            EditMask(
                size: grid,
                values: (0..<grid.height * grid.width).map { i in
                    let (x, y) = (Double(i % grid.width) - circle[0], Double(i / grid.width) - circle[1])
                    return x * x + y * y <= circle[2] * circle[2]
                })
        }
        let picture = try shape.picture.map(ConstructedPictures.picture)
        let warp =
            picture.map { DragWarp(drags, part: shape.part, of: $0, image: image, mask: mask, grid: grid) }
            ?? DragWarp(drags, part: shape.part, image: image, mask: mask, grid: grid)
        let values = warp.field.values
        return (0..<grid.height * grid.width).flatMap { [values[2 * $0 + 1], values[2 * $0]] }
    }

    @Test func `the editor page's fixture of the warp is what the engine computes`() throws {
        if ProcessInfo.processInfo.environment["CLIPDRAGD_RECORD"] != nil {
            let recorded = try Self.shapes.map { shape in
                var shape = shape
                shape.field = try Self.field(shape).map { ($0 * 1e5).rounded() / 1e5 }
                return shape
            }
            try JSONEncoder().encode(recorded).write(to: Self.file)
        }
        let cases = try JSONDecoder().decode([Case].self, from: Data(contentsOf: Self.file))
        #expect(cases.count == Self.shapes.count)
        for recorded in cases {
            let found = try Self.field(recorded)
            #expect(found.count == recorded.field.count)
            #expect(zip(found, recorded.field).allSatisfy { abs($0 - $1) <= 2e-5 * max(1, abs($0)) })
        }
    }
}
