import TensorCore
import Testing
import Verdicts

@testable import DragEditing

/// Which layout `text_layout: auto` takes, by what the pictures show.
@Suite struct LayoutChoiceTests {
    /// What a picture shows.
    private struct Look {
        var replaced = 0.0
        var outlines = Verdict.Outlines(likeness: 0.95, new: 0, strength: 1)
        var isVisible = false
        var score = 0.4
    }

    private static let harmed = Verdict.Outlines(likeness: 0.88, new: 0, strength: 1)
    private static let torn = Verdict.Outlines(likeness: 0.7, new: 0, strength: 1)

    /// CLIP's evidence; the edit without P_e scores 0.3.
    private static func text(_ look: Look) -> Verdict.Text {
        Verdict.Text(
            scoreSource: 0.3, scoreReconstruction: 0.3, scoreResult: look.score, standingSource: 0,
            standingReconstruction: 0, standingResult: look.isVisible ? 2 : 0, leadSource: -1,
            leadResult: look.isVisible ? 1 : -1, viewsRisen: 1, rankSource: 9,
            rankResult: look.isVisible ? 1 : 9,
            texts: 32)
    }

    /// Chooses among the layouts' looks with `text_sampling: 3`; what was sampled, in order.
    private func choose(
        free: Look, redrawn: Look = Look(), kept: Look = Look(),
        lesser: Look = Look()
    ) throws -> (guidance: EditRecord.Guidance, sampled: [String], texts: Int) {
        var sampled: [String] = []
        var texts = 0
        let chosen = try LayoutChoice(weight: 3) { layout, weight in
            sampled.append("\(layout) \(weight)")
            let look =
                switch layout {
                case .free: free
                case .redrawn: redrawn
                case .kept: weight < 3 ? lesser : kept
                }
            return GuidedPicture(
                latent: .zeros([1, 1, 1, 4]), cells: layout == .free ? [7] : nil, replaced: { look.replaced },
                outlines: { look.outlines },
                text: {
                    texts += 1
                    return Self.text(look)
                })
        }.run()
        #expect((chosen.picture == nil) == (chosen.guidance.layout == nil))
        return (chosen.guidance, sampled, texts)
    }

    @Test func `the layout stays free where the edit prompt replaces little`() throws {
        let little = try choose(free: Look(replaced: 0.045))
        #expect(little.guidance == EditRecord.Guidance(layout: .free, replaced: 0.045, cells: [7]))
        #expect(little.sampled == ["free 3.0"] && little.texts == 0)
    }

    @Test func `a free layout may replace more where the picture shows the edit prompt`() throws {
        #expect(try choose(free: Look(replaced: 0.046)).guidance.layout != .free)
        #expect(try choose(free: Look(replaced: 0.08, isVisible: true)).guidance.layout == .free)
        #expect(try choose(free: Look(replaced: 0.081, isVisible: true)).guidance.layout != .free)
    }

    @Test func `an edit prompt that shows where the picture is drawn anew draws it anew`() throws {
        let visible = try choose(
            free: Look(replaced: 0.2), redrawn: Look(isVisible: true), kept: Look(isVisible: true))
        #expect(visible.guidance == EditRecord.Guidance(layout: .redrawn, replaced: 0.2))
        #expect(visible.sampled == ["free 3.0", "redrawn 3.0"])
        let hidden = try choose(free: Look(replaced: 0.2))
        #expect(hidden.guidance == EditRecord.Guidance(layout: .kept, replaced: 0.2))
        #expect(hidden.sampled == ["free 3.0", "redrawn 3.0", "kept 3.0"])
    }

    @Test func `a kept layout that harms things takes less weight`() throws {
        let less = try choose(
            free: Look(replaced: 0.2), kept: Look(outlines: Self.harmed),
            lesser: Look(outlines: Self.harmed))
        #expect(less.guidance == EditRecord.Guidance(layout: .kept, replaced: 0.2, weight: 2))
        #expect(less.sampled.contains("kept 2.0"))
    }

    @Test func `the edit prompt is left out where everything tears things or does not show it`() throws {
        let torn = try choose(
            free: Look(replaced: 0.2), kept: Look(outlines: Self.torn),
            lesser: Look(outlines: Self.torn))
        #expect(torn.guidance == EditRecord.Guidance(replaced: 0.2))
        let same = try choose(free: Look(replaced: 0.2), kept: Look(score: 0.3))
        #expect(same.guidance == EditRecord.Guidance(replaced: 0.2))
    }
}
