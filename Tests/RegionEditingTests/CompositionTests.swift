import DragEditing
import Foundation
import Imaging
import TensorCore
import Testing

@testable import RegionEditing

/// Compositions whose right result is known: a finely patterned disc on a patterned ground is moved by a given way.
@Suite struct CompositionTests {
    private static let side = 256
    private static let working = 64

    /// A scene with a disc at (`x`, `y`); the pattern is finer than a quarter-size picture can show.
    private func scene(discAt x: Double, _ y: Double) -> [Float] {
        (0..<Self.side * Self.side).flatMap { i -> [Float] in
            let (column, row) = (Double(i % Self.side), Double(i / Self.side))
            let grain = 0.08 * sin(column * 2.1) * sin(row * 1.7)
            guard hypot(column - x, row - y) < 36 else {
                return [0.55, 0.6, 0.5].map { Float($0 + grain + 0.1 * sin(column / 40)) }
            }
            let stripes = 0.12 * sin((column - x) * 1.9 + (row - y) * 0.8) + 0.2 * sin((column - x) / 7)
            return [0.75, 0.3, 0.25].map { Float($0 + stripes) }
        }
    }

    private func image(_ values: [Float], depth: Int = 8, alpha: [UInt16]? = nil) -> Image {
        let blank = Image(
            width: Self.side, height: Self.side, depth: depth, samples: values.map { _ in 0 }, alpha: alpha,
            colours: ColourTags(profile: [1, 2, 3]))
        return blank.replacingSamples(values)
    }

    /// What a model of a quarter of the resolution shows: means of four by four pixels.
    private func small(_ values: [Float]) -> Tensor {
        let part = Self.side / Self.working
        return Tensor(
            [1, Self.working, Self.working, 3],
            (0..<Self.working * Self.working * 3).map { i in
                let (row, column, c) = (i / 3 / Self.working * part, i / 3 % Self.working * part, i % 3)
                var sum: Float = 0
                for y in 0..<part {
                    for x in 0..<part { sum += values[3 * ((row + y) * Self.side + column + x) + c] }
                }
                return sum / Float(part * part)
            })
    }

    private let whole = EditRegion(x: 0, y: 0, width: side, height: side)
    private let drag = Drag(from: ImagePoint(x: 100, y: 120), to: ImagePoint(x: 140, y: 132))

    private func composed(
        _ source: Image, edit: [Float], plain: [Float]? = nil, mask: EditMask? = nil,
        region: EditRegion? = nil
    ) -> Image {
        Composition(source, region: region ?? whole, mask: mask, matte: Matte(behind: source))
            .result(edit: small(edit), unedited: small(plain ?? source.normalised), drags: [drag])
    }

    private func psnr(_ a: Image, _ b: Image, where isCounted: (Int, Int) -> Bool) -> Double {
        var (sum, count) = (0.0, 0.0)
        for i in a.samples.indices where isCounted(i / 3 % Self.side, i / 3 / Self.side) {
            let d = Double(a.samples[i]) - Double(b.samples[i])
            sum += d * d
            count += 1
        }
        return 10 * log10(Double(a.maximum) * Double(a.maximum) * count / max(sum, 1e-9))
    }

    @Test(arguments: [8, 16]) func `an edit that changes nothing gives the source's own pixels`(depth: Int) {
        let source = image(scene(discAt: 100, 120), depth: depth)
        #expect(composed(source, edit: source.normalised) == source)
    }

    @Test func `fine detail moves along with what was moved`() {
        let source = image(scene(discAt: 100, 120))
        let truth = scene(discAt: 140, 132)
        let result = composed(source, edit: truth)
        let isInDisc = { (x: Int, y: Int) in hypot(Double(x - 140), Double(y - 132)) < 28 }
        let enlarged = image(
            apply(Resize(height: Self.side, width: Self.side, .bilinear), Variable(small(truth))).value.values
        )
        let (composedFit, enlargedFit) = (
            psnr(result, image(truth), where: isInDisc), psnr(enlarged, image(truth), where: isInDisc)
        )
        #expect(composedFit > enlargedFit + 6, "composed \(composedFit) dB, enlarged \(enlargedFit) dB")
    }

    @Test func `where content from two places meets, the one fades into the other`() throws {
        let size = Size(height: 24, width: 24)
        var state: UInt32 = 7
        let noise = (0..<24 * 24 * 3).map { _ -> Float in
            state = state &* 1_664_525 &+ 1_013_904_223
            return Float(state >> 8) / Float(1 << 24)
        }
        // The left half's content comes from three cells further right, the right half's from three further left.
        let moved = (0..<24 * 24 * 3).map { i -> Float in
            let (row, column) = (i / 3 / 24, i / 3 % 24)
            let from = min(max(column < 12 ? column + 3 : column - 3, 0), 23)
            return noise[3 * (row * 24 + from) + i % 3]
        }
        let origin = Correspondence(
            edit: Plane(size, channels: 3, values: moved),
            reconstruction: Plane(size, channels: 3, values: noise), reach: 6, hints: [[3, 0], [-3, 0]])
        func across(_ column: Float) -> (value: Float, weight: Float, count: Int) {
            let all = origin.shifts(atRow: 12, column: column).all
            return (
                all.reduce(0) { $0 + $1.weight * $1.shift.x }, all.reduce(0) { $0 + $1.weight }, all.count
            )
        }
        let places = stride(from: Float(6), through: 18, by: 0.01).map(across)
        #expect(places.first?.value == 3 && places.last?.value == -3)
        #expect(places.contains { $0.count == 4 })
        #expect(places.allSatisfy { abs($0.weight - 1) < 1e-5 })
        let steps = zip(places, places.dropFirst()).map { abs($0.value - $1.value) }
        #expect(try #require(steps.max()) < 0.1)
    }

    @Test func `content that did not move keeps its pixels exactly`() {
        let source = image(scene(discAt: 100, 120))
        let result = composed(source, edit: scene(discAt: 140, 132))
        var (same, far) = (0, 0)
        for y in 0..<Self.side {
            for x in 0..<Self.side
            where hypot(Double(x - 100), Double(y - 120)) > 50 && hypot(Double(x - 140), Double(y - 132)) > 50
            {
                far += 1
                let i = 3 * (y * Self.side + x)
                same += source.samples[i..<i + 3] == result.samples[i..<i + 3] ? 1 : 0
            }
        }
        #expect(same == far)
    }

    @Test func `nothing changes outside the region and outside the mask`() {
        let source = image(scene(discAt: 100, 120), depth: 16)
        let region = EditRegion(x: 40, y: 60, width: 160, height: 140)
        let inMask = { (x: Int, y: Int) in (80..<190).contains(x) && (80..<180).contains(y) }
        let part = region.cropped(source)
        let mask = EditMask(
            size: region.size,
            values: (0..<region.size.height * region.size.width).map {
                inMask($0 % region.size.width + region.x, $0 / region.size.width + region.y)
            })
        let bright = Tensor([1, 40, 40, 3], [Float](repeating: 0.9, count: 4800))
        let dark = Tensor([1, 40, 40, 3], [Float](repeating: 0.2, count: 4800))
        let result = Composition(source, region: region, mask: mask, matte: Matte(behind: part))
            .result(edit: bright, unedited: dark, drags: [])
        var changedInside = 0
        for i in 0..<Self.side * Self.side {
            let isSame = source.samples[3 * i..<3 * i + 3] == result.samples[3 * i..<3 * i + 3]
            if inMask(i % Self.side, i / Self.side) {
                changedInside += isSame ? 0 : 1
            } else {
                #expect(isSame)
            }
        }
        #expect(changedInside > 8000)
        #expect(result.colours == source.colours && result.depth == 16)
    }

    @Test func `no step across the seam is larger than those beside it`() {
        let flat = image([Float](repeating: 0.4, count: Self.side * Self.side * 3), depth: 16)
        let region = EditRegion(x: 50, y: 50, width: 150, height: 150)
        let changed = Tensor([1, 50, 50, 3], [Float](repeating: 0.7, count: 7500))
        let plain = Tensor([1, 50, 50, 3], [Float](repeating: 0.4, count: 7500))
        let result = Composition(flat, region: region, mask: nil, matte: Matte(behind: flat))
            .result(edit: changed, unedited: plain, drags: [])
        let row = (0..<Self.side).map { Int(result.samples[3 * (125 * Self.side + $0)]) }
        let steps = zip(row, row.dropFirst()).map { abs($1 - $0) }
        #expect(steps[49] <= steps[50..<56].max() ?? 0)
        #expect(row[49] == row[0] && row[125] > row[0] + 15000)
    }

    @Test func `a picture's own border is no seam`() {
        let flat = image([Float](repeating: 0.4, count: Self.side * Self.side * 3))
        let result = composed(flat, edit: [Float](repeating: 0.7, count: Self.side * Self.side * 3))
        #expect(Int(result.samples[0]) > Int(flat.samples[0]) + 60)
    }

    @Test func `a sticker that is dragged over transparency is completely visible there`() {
        let alpha = { (x: Double, y: Double) in
            (0..<Self.side * Self.side).map { i -> UInt16 in
                hypot(Double(i % Self.side) - x, Double(i / Self.side) - y) < 36 ? 255 : 0
            }
        }
        let source = image(scene(discAt: 100, 120), alpha: alpha(100, 120))
        let truth = image(scene(discAt: 140, 132), alpha: alpha(140, 132))
        let result = composed(
            source, edit: Matte(behind: truth).flattened(truth),
            plain: Matte(behind: source).flattened(source))
        let agreeing = zip(result.alpha ?? [], truth.alpha ?? []).count { abs(Int($0) - Int($1)) < 64 }
        #expect(Double(agreeing) > 0.985 * Double(Self.side * Self.side), "\(agreeing) agree")
        let fit = psnr(result, truth) { hypot(Double($0 - 140), Double($1 - 132)) < 28 }
        #expect(fit > 24, "\(fit) dB")
    }

    /// The stretch along the drag, from a field of the working size's cells.
    private var stretch: DragWarp {
        DragWarp(
            [drag], part: 1, image: whole.size, mask: nil,
            grid: Size(height: Self.side / 8, width: Self.side / 8))
    }

    @Test
    func `what only the stretch moved has the source's own pixels, and what it did not move keeps them`() {
        // A pixel's red and green say where it is; a cubic between such pixels is exact.
        let places = image(
            (0..<Self.side * Self.side).flatMap { i in
                [Float(i % Self.side) / 256, Float(i / Self.side) / 256, 0.5]
            }, depth: 16)
        let grey = Tensor([1, 64, 64, 3], [Float](repeating: 0.5, count: 64 * 64 * 3))
        let stretch = stretch
        let result = Composition(places, region: whole, mask: nil, matte: Matte(behind: places))
            .result(edit: grey, unedited: grey, stretch: stretch, drags: [drag])
        var (moved, still) = (0, 0)
        for row in 0..<Self.side {
            for column in 0..<Self.side {
                let i = 3 * (row * Self.side + column)
                let place = SIMD2(Float(row), Float(column))
                let origin = stretch.origin(of: place, in: whole.size)
                if origin == place {
                    still += 1
                    #expect(result.samples[i..<i + 3] == places.samples[i..<i + 3])
                } else if origin.x > 1 && origin.x < 254 && origin.y > 1 && origin.y < 254 {
                    moved += 1
                    let found = SIMD2(Float(result.samples[i + 1]), Float(result.samples[i])) / 65535 * 256
                    #expect(abs(found.x - origin.x) < 0.02 && abs(found.y - origin.y) < 0.02)
                }
            }
        }
        #expect(moved > 5000 && still > 20000)
    }

    @Test func `after a stretch new content is the model's`() {
        let source = image(scene(discAt: 100, 120))
        let plain = stretch.warped(small(source.normalised))
        var new = plain.values
        for row in 26..<34 {
            for column in 30..<40 { for c in 0..<3 { new[3 * (64 * row + column) + c] = 0.95 } }
        }
        let result = Composition(source, region: whole, mask: nil, matte: Matte(behind: source))
            .result(edit: Tensor(plain.shape, new), unedited: plain, stretch: stretch, drags: [drag])
        for row in 114..<126 {
            for column in 132..<148 { #expect(result.samples[3 * (row * Self.side + column)] > 225) }
        }
    }

    @Test func `a sticker that is stretched over transparency takes its opacity along`() {
        let alpha = (0..<Self.side * Self.side).map { i -> UInt16 in
            hypot(Double(i % Self.side) - 100, Double(i / Self.side) - 120) < 12 ? 255 : 0
        }
        let source = image(scene(discAt: 100, 120), alpha: alpha)
        let plain = stretch.warped(small(Matte(behind: source).flattened(source)))
        let result = Composition(source, region: whole, mask: nil, matte: Matte(behind: source))
            .result(edit: plain, unedited: plain, stretch: stretch, drags: [drag])
        // The drag's core moves unbent by (40, 12), whole pixels.
        for row in 126..<138 {
            for column in 134..<146 {
                let (at, from) = (row * Self.side + column, (row - 12) * Self.side + column - 40)
                #expect(result.alpha?[at] == source.alpha?[from])
                #expect(result.samples[3 * at..<3 * at + 3] == source.samples[3 * from..<3 * from + 3])
            }
        }
        #expect(result.alpha?[120 * Self.side + 90] == 0)
    }

    @Test func `the matte does not show at the rim of what was dragged`() {
        let alpha = { (x: Double, y: Double) in
            (0..<Self.side * Self.side).map { i -> UInt16 in
                hypot(Double(i % Self.side) - x, Double(i / Self.side) - y) < 36 ? 255 : 0
            }
        }
        let dark = [Float](repeating: 0.2, count: Self.side * Self.side * 3)
        let (source, truth) = (image(dark, alpha: alpha(100, 120)), image(dark, alpha: alpha(140, 132)))
        let result = composed(
            source, edit: Matte(behind: truth).flattened(truth),
            plain: Matte(behind: source).flattened(source))
        let seen = (result.alpha ?? []).indices.filter { (result.alpha?[$0] ?? 0) > 64 }
        let bright = seen.count { result.samples[3 * $0] > 110 }
        #expect(seen.count > 3800 && bright == 0, "\(bright) of \(seen.count) pixels show the matte")
    }

    @Test func `colours under full transparency change nothing`() {
        let alpha = (0..<Self.side * Self.side).map { i -> UInt16 in
            hypot(Double(i % Self.side) - 100, Double(i / Self.side) - 120) < 36 ? 255 : 0
        }
        let source = image(scene(discAt: 100, 120), alpha: alpha)
        var painted = source
        for i in alpha.indices where alpha[i] == 0 { painted.samples[3 * i] = 255 }
        #expect(Matte(behind: source) == Matte(behind: painted))
        #expect(Matte(behind: source).flattened(source) == Matte(behind: painted).flattened(painted))
    }

    @Test func `a bright sticker stands before a dark matte`() {
        let alpha = (0..<Self.side * Self.side).map { i -> UInt16 in
            hypot(Double(i % Self.side) - 100, Double(i / Self.side) - 120) < 36 ? 255 : 0
        }
        let white = image([Float](repeating: 1, count: Self.side * Self.side * 3), alpha: alpha)
        #expect(Matte(behind: white).level == 0.25)
        #expect(Matte(behind: image(scene(discAt: 100, 120), alpha: alpha)).level == 1)
    }
}
