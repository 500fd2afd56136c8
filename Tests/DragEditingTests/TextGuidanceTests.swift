import Diffusion
import Foundation
import Settings
import TensorCore
import TestSupport
import Testing

@testable import DragEditing

/// `clip_views`, `clip_loss: direction` and `clip_area`. Whole jobs with them: `JobParityTests`.
@Suite struct TextGuidanceTests {
    private func vector(_ shape: [Int], seed: UInt64) -> Tensor {
        var generator = SeededGenerator(seed: seed)
        return generator.normal(shape)
    }

    private func picture(_ height: Int, _ width: Int, seed: UInt64) -> Tensor {
        vector([1, height, width, 3], seed: seed).mapped { min(max(0.5 + 0.2 * $0, 0), 1) }
    }

    @Test func `the views are those of the seed and the step, the whole picture first`() {
        let views = GuidanceView.drawn(5, seed: 42, step: 3)
        #expect(views.count == 5 && views[0] == .whole)
        #expect(GuidanceView.drawn(5, seed: 42, step: 3) == views)
        #expect(GuidanceView.drawn(5, seed: 42, step: 4)[1] != views[1])
        #expect(GuidanceView.drawn(5, seed: 43, step: 3)[1] != views[1])
        #expect(GuidanceView.drawn(1, seed: 42, step: 3) == [.whole])
        for view in (0..<50).flatMap({ GuidanceView.drawn(4, seed: 1, step: $0) }).filter({ $0 != .whole }) {
            #expect((0.7...1).contains(view.side))
            let seen = view.of(Variable(picture(20, 30, seed: 1))).shape
            #expect((14...20).contains(seen[1]) && (21...30).contains(seen[2]))
        }
    }

    @Test func `a view is its part of the picture, mirrored where it says so`() {
        let image = picture(10, 10, seed: 2)
        let view = GuidanceView(side: 0.8, top: 0.5, left: 0.99, isMirrored: true)
        let seen = view.of(Variable(image)).value
        #expect(seen.shape == [1, 8, 8, 3])
        for (row, column, c) in [(0, 0, 0), (3, 5, 1), (7, 7, 2)] {
            #expect(
                seen.values[3 * (row * 8 + column) + c] == image.values[3 * ((row + 1) * 10 + 9 - column) + c]
            )
        }
    }

    @Test func `the direction's slope is the difference quotient of its value`() {
        let (x, source) = (vector([1, 24], seed: 1), vector([1, 24], seed: 2))
        let (wish, text) = (vector([1, 24], seed: 3), vector([1, 24], seed: 4))
        let (value, slope) = TextGuidance.direction(x, from: source, wish: wish, from: text)
        #expect((0...2).contains(value))
        for i in 0..<24 {
            func moved(_ step: Float) -> Double {
                var values = x.values
                values[i] += step
                return TextGuidance.direction(
                    Tensor([1, 24], values), from: source, wish: wish, from: text
                ).value
            }
            let quotient = (moved(0.01) - moved(-0.01)) / 0.02
            #expect(abs(quotient - Double(slope.values[i])) < 2e-4)
        }
    }

    @Test func `a picture that went the text's way has no loss, and equal texts give no slope`() {
        let (source, text) = (vector([1, 24], seed: 2), vector([1, 24], seed: 4))
        let same = TextGuidance.direction(vector([1, 24], seed: 1), from: source, wish: text, from: text)
        #expect(same.value == 1 && same.slope.norm == 0)
        let (unitSource, unitText) = (Float(1 / source.norm) * source, Float(1 / text.norm) * text)
        let way = 0.05 * vector([1, 24], seed: 5)
        // The wish lies as far from the text as the picture from the source, as both are of length 1.
        let (x, wish) = (unitSource + way, unitText + way)
        #expect(TextGuidance.direction(x, from: source, wish: wish, from: text).value < 0.3)
    }

    @Test(arguments: [EditSettings.ClipLoss.global, .direction])
    func `the gradient to the picture is the mean over the views`(_ loss: EditSettings.ClipLoss) throws {
        let model = try DiffusionModel(folder: Fixtures.path("sd15/model"))
        let guide = try #require(model.guide)
        var settings = EditSettings()
        settings.clipViews = 3
        settings.clipWeight = 1
        let image = picture(40, 48, seed: 7)
        let origin = TextGuidance.Origin(
            picture: picture(40, 48, seed: 8), text: guide.embedding(of: "a photo of a cat"))
        let guidance = TextGuidance(
            guide.clip, wish: guide.embedding(of: "two birds"), settings, seed: 5,
            origin: loss == .direction ? origin : nil)
        let leaf = Variable(trainable: image)
        let (value, seeds) = guidance.loss(leaf, step: 2)
        #expect(seeds.count == 3)
        let slope = gradients(of: seeds, withRespectTo: [leaf])[0]
        let way = vector(image.shape, seed: 9)
        func moved(_ step: Float) -> Double {
            guidance.loss(Variable(image + step * way), step: 2).value
        }
        let quotient = (moved(0.01) - moved(-0.01)) / 0.02
        #expect(
            abs(quotient - slope.dot(way)) < 0.02 * abs(quotient) + 1e-4,
            "\(value): \(quotient), \(slope.dot(way))")
    }

    @Test func `one whole view and the global loss are eq. 4 to the last bit`() throws {
        let model = try DiffusionModel(folder: Fixtures.path("sd15/model"))
        let guide = try #require(model.guide)
        let wish = guide.embedding(of: "two birds")
        let image = Variable(picture(40, 48, seed: 7))
        let one = TextGuidance(guide.clip, wish: wish, EditSettings(), seed: 5, origin: nil).loss(
            image, step: 0)
        let plain = ClipGuidance(guide.clip, target: wish, weight: 300).loss(image)
        #expect(one.value == plain.value && one.seeds[0].1.values == plain.cotangent.values)
    }

    @Test func `the text's gradient keeps its strongest cells, by all steps so far`() {
        var values = [Float](repeating: 0.01, count: 6 * 6 * 2)
        for cell in [14, 15, 20, 21] { values[2 * cell] = 1 }
        var area = StrongestCells(4.0 / 36)
        let first = area.limited(Tensor([1, 6, 6, 2], values)).values
        #expect((0..<36).filter { first[2 * $0] != 0 } == [14, 15, 20, 21])
        // Another place must outweigh what was strong before.
        var others = [Float](repeating: 0.01, count: 6 * 6 * 2)
        others[0] = 0.5
        let second = area.limited(Tensor([1, 6, 6, 2], others)).values
        #expect((0..<36).filter { second[2 * $0] != 0 } == [14, 15, 20, 21])
        var whole = StrongestCells(1)
        let all = whole.limited(Tensor([1, 6, 6, 2], values)).values
        #expect(all == values)
    }

    @Test func `patience counts each handle that is on its way`() {
        func ends(_ limit: Int?, _ steps: [[Double]]) -> [Bool] {
            var patience = Patience(limit: limit, reach: 1)
            return steps.map { patience.isExhausted(by: $0) }
        }
        // The first comes nearer while the second drifts away: their sum grows, and the drag goes on. Once the first has
        // arrived, it is no longer waited for.
        let drifting: [[Double]] = [[9, 5], [8, 7], [7, 9], [6, 11], [5, 13]]
        let arrived: [[Double]] = [[0.9, 15], [0.5, 15], [0.2, 15], [0.1, 15]]
        #expect(ends(2, drifting + arrived) == Array(repeating: false, count: 8) + [true])
        #expect(ends(nil, Array(repeating: [3], count: 100)) == Array(repeating: false, count: 100))
    }
}
