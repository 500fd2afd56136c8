import TensorCore
import Testing

@testable import DragEditing

/// What `text_layout: auto` takes, by what the pictures show.
@Suite struct LayoutChoiceTests {
    /// Chooses where a free layout replaces a part of the picture; what was sampled and whose text was asked for, in order.
    private func choose(
        replaced: Double, freeShows: Bool = false, redrawnShows: Bool = false, gain: Double = 0.07
    ) throws -> (
        guidance: EditRecord.Guidance, sampled: [EditRecord.Guidance.Layout],
        asked: [EditRecord.Guidance.Layout]
    ) {
        var sampled: [EditRecord.Guidance.Layout] = []
        var asked: [EditRecord.Guidance.Layout] = []
        let chosen = try LayoutChoice { layout in
            sampled.append(layout)
            return GuidedPicture(
                latent: .zeros([1, 1, 1, 4]), cells: layout == .free ? [7] : nil, replaced: { replaced },
                isVisible: {
                    asked.append(layout)
                    return layout == .free ? freeShows : redrawnShows
                }, gain: { gain })
        }.run()
        #expect((chosen.picture == nil) == (chosen.guidance.layout == nil))
        return (chosen.guidance, sampled, asked)
    }

    @Test func `the layout stays free where the edit prompt replaces little`() throws {
        let little = try choose(replaced: 0.045)
        #expect(little.guidance == EditRecord.Guidance(layout: .free, replaced: 0.045, cells: [7]))
        #expect(little.sampled == [.free] && little.asked == [])
    }

    @Test func `a free layout may replace more where the picture shows the edit prompt`() throws {
        #expect(try choose(replaced: 0.046).guidance.layout == nil)
        #expect(try choose(replaced: 0.08, freeShows: true, redrawnShows: true).guidance.layout == .free)
        #expect(try choose(replaced: 0.081, freeShows: true, redrawnShows: true).guidance.layout == .redrawn)
    }

    @Test func `the picture is drawn anew where that shows the edit prompt`() throws {
        let anew = try choose(replaced: 0.2, redrawnShows: true)
        #expect(anew.guidance == EditRecord.Guidance(layout: .redrawn, replaced: 0.2))
        #expect(anew.sampled == [.free, .redrawn] && anew.asked == [.redrawn])
    }

    @Test func `a picture that the model does not recognise by the edit prompt is not taken`() throws {
        let out = try choose(replaced: 0.2, redrawnShows: true, gain: 0.069)
        #expect(out.guidance == EditRecord.Guidance(replaced: 0.2))
    }

    @Test func `the edit prompt is left out where it replaces much and does not show`() throws {
        let out = try choose(replaced: 0.2)
        #expect(out.guidance == EditRecord.Guidance(replaced: 0.2))
        #expect(out.sampled == [.free, .redrawn])
    }
}
