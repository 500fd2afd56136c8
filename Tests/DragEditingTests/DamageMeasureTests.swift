import TensorCore
import Testing
import Verdicts

@testable import DragEditing

/// What the verdict measures of damage: outlines, and content that is bent along drags.
@Suite struct DamageMeasureTests {
    private func picture(_ side: Int, _ value: (_ row: Int, _ column: Int) -> SIMD3<Float>) -> Tensor {
        Tensor(
            [1, side, side, 3],
            (0..<side * side).flatMap { i -> [Float] in
                let colour = value(i / side, i % side)
                return [colour.x, colour.y, colour.z]
            })
    }

    /// A disc of one colour on white.
    private func disc(_ colour: SIMD3<Float>, radius: Double = 30) -> Tensor {
        picture(96) { row, column in
            let (y, x) = (Double(row) - 48, Double(column) - 48)
            return x * x + y * y < radius * radius ? colour : .one
        }
    }

    @Test func `a picture has its own outlines`() {
        let disc = disc([0.9, 0.2, 0.1])
        let found = Verdict.Outlines(source: disc, result: disc)
        #expect(abs(found.likeness - 1) < 1e-6 && found.new == 0 && abs(found.strength - 1) < 1e-6)
        #expect(found.areKept)
    }

    @Test func `the strength of outlines is the slope of the steepest channel`() {
        // Blurring leaves a straight slope as it is; Sobel's weights give its rise per pixel.
        func slope(_ rise: Float) -> Tensor {
            picture(64) { row, column in [Float(column) * rise, 0.5, 0.5] }
        }
        let found = Verdict.Outlines(source: slope(0.005), result: slope(0.01))
        #expect(abs(found.strength - 2) < 0.01)
    }

    @Test func `a thing of another colour keeps its outlines`() {
        let found = Verdict.Outlines(source: disc([0.9, 0.2, 0.1]), result: disc([0.1, 0.6, 0.2]))
        #expect(found.likeness > 0.95 && found.areKept)
    }

    @Test func `a thing in stripes is torn`() {
        let striped = picture(96) { row, column in
            let (y, x) = (row - 48, column - 48)
            return x * x + y * y < 900 && row / 6 % 2 == 0 ? [0.9, 0.2, 0.1] : .one
        }
        let found = Verdict.Outlines(source: disc([0.9, 0.2, 0.1]), result: striped)
        #expect(!found.areKept && found.new > 0.5)
    }

    @Test func `a thing that is gone does not keep its outlines`() {
        let found = Verdict.Outlines(source: disc([0.9, 0.2, 0.1]), result: disc(.one))
        #expect(!found.areKept && found.strength < 0.01)
    }

    private static let size = Size(height: 128, width: 128)
    private let drags = [Drag(from: ImagePoint(x: 94, y: 24), to: ImagePoint(x: 110, y: 14))]

    private func damage(_ source: Tensor, _ result: Tensor, drags: [Drag]) -> Verdict.Damage {
        let everywhere = EditMask(size: Self.size, values: Array(repeating: true, count: 128 * 128))
        return Comparison(source: source, result: result, region: everywhere).damage(
            drags: drags, image: Self.size)
    }

    @Test func `content that is stretched along its drag is not lost; without the drag it is`() throws {
        let fox = try ConstructedPictures.picture("examples/images/fox.png")
        let stretched = DragWarp(drags, part: 1, image: Self.size, mask: nil, grid: Self.size).warped(fox)
        let (dragged, still) = (damage(fox, stretched, drags: drags), damage(fox, stretched, drags: []))
        #expect(dragged.changed == still.changed && dragged.changed > 0.03)
        #expect(max(dragged.lost, dragged.new) < 0.01)
        #expect(max(still.lost, still.new) > 0.03)
        #expect(dragged.answer(showsAnotherThing: false, isDragged: true) == .none)
    }

    @Test func `content that is torn off is lost, with its drag too`() throws {
        let fox = try ConstructedPictures.picture("examples/images/fox.png")
        let torn = DragWarp(drags, part: 1, image: Self.size, mask: nil, grid: Self.size).warped(fox)
        var values = torn.values
        for i in 0..<128 * 128 where i / 128 < 34 && (84..<100).contains(i % 128) {
            for c in 3 * i..<3 * i + 3 { values[c] = 1 }
        }
        let found = damage(fox, Tensor(fox.shape, values), drags: drags)
        #expect(found.answer(showsAnotherThing: false, isDragged: true) != .none)
    }

    @Test func `drags away from each other draw content out along their common axis`() {
        let apart = [
            Drag(from: ImagePoint(x: 40, y: 64), to: ImagePoint(x: 20, y: 64)),
            Drag(from: ImagePoint(x: 88, y: 64), to: ImagePoint(x: 108, y: 64)),
        ]
        let ramp = picture(128) { row, column in [Float(row) / 128, Float(column) / 128, 0] }
        let variants = BentPicture.variants(of: ramp, along: apart, image: Self.size)
        #expect(variants.count == 4)
        // The last is 1.25 times as wide around the middle: what lies 40 columns from it comes from 32.
        let wide = variants[3]
        let pixel = 10 * 128 + 104
        #expect(wide.origins[pixel] == 10 * 128 + 96)
        #expect(abs(wide.picture.values[3 * pixel + 1] - 96.0 / 128) < 1e-5)
        #expect(BentPicture.variants(of: ramp, along: [], image: Self.size).isEmpty)
    }
}
