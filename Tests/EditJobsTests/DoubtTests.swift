import DragEditing
import Settings
import Testing

@testable import EditJobs

/// What `check` says of drags and masks that will hardly do what they say.
@Suite struct DoubtTests {
    private static let size = Size(height: 128, width: 128)
    /// Two pixels a cell, as the starter model has for a picture of its own size.
    private static let grid = FeatureGrid(working: size, image: size)

    private func drag(_ x: Double, _ y: Double, _ u: Double, _ v: Double) -> Drag {
        Drag(from: ImagePoint(x: x, y: y), to: ImagePoint(x: u, y: v))
    }

    private func notes(
        _ drags: [Drag], mask: EditMask? = nil, steps: Int? = 160,
        _ change: (inout EditSettings) -> Void = { _ in }
    ) -> [String] {
        var settings = EditSettings()
        change(&settings)
        return DragDoubts(drags).notes(mask: mask, grid: Self.grid, settings: settings, steps: steps)
    }

    /// A mask of rectangles.
    private func mask(_ rectangles: [(x: Range<Int>, y: Range<Int>)]) -> EditMask {
        EditMask(
            size: Self.size,
            values: (0..<128 * 128).map { i in
                rectangles.contains { $0.x.contains(i % 128) && $0.y.contains(i / 128) }
            })
    }

    @Test func `a good drag raises no doubt`() {
        #expect(notes([drag(40, 40, 60, 40)]) == [])
        #expect(notes([drag(40, 40, 60, 40)], mask: mask([(30..<70, 30..<50)])) == [])
        #expect(notes([drag(40, 40, 60, 40), drag(40, 60, 60, 60)]) == [])
    }

    @Test func `a drag that ends outside the mask, or leaves it on its way, is told`() {
        let narrow = mask([(30..<50, 30..<50), (70..<90, 30..<50)])
        #expect(
            notes([drag(40, 40, 60, 40)], mask: narrow) == [
                "the target of drag 1 at (60, 40) lies outside the mask: content stays behind the mask's rim"
            ])
        #expect(
            notes([drag(40, 40, 80, 40)], mask: narrow) == [
                "drag 1 leaves the mask on its way from (40, 40) to (80, 40): free the way between"
            ])
        // A handle outside the mask is `PlanNotes.handles`' to tell.
        #expect(notes([drag(10, 10, 30, 10)], mask: narrow) == [])
    }

    @Test func `drags that cross, meet or pull one handle apart are told in pairs`() {
        #expect(
            notes([drag(20, 20, 60, 60), drag(60, 20, 20, 60)])
                == ["drags 1 and 2 cross: each one's content passes through the other's"])
        #expect(
            notes([drag(20, 20, 60, 60), drag(90, 20, 60, 60)])
                == ["drags 1 and 2 have the same target: two contents cannot lie at one place"])
        #expect(
            notes([drag(90, 90, 70, 90), drag(20, 20, 60, 20), drag(20, 20, 20, 60)])
                == ["drags 2 and 3 pull the same handle to two targets: it goes to neither"])
        #expect(notes([drag(20, 20, 60, 20), drag(20, 20, 60, 20)]) == ["drags 1 and 2 are the same"])
        // A chain is no crossing.
        #expect(notes([drag(20, 20, 60, 20), drag(60, 20, 60, 60)]) == [])
        // Of many pairs the first ten are told, and of many lengths.
        let fan = (0..<64).map { drag(20, 20, 60, Double(20 + $0)) }
        #expect(notes(fan).count { $0.hasPrefix("drags ") } == 10)
        #expect(notes(fan).count { $0.hasPrefix("drag ") } == 10)
    }

    @Test func `a drag that is too short to be seen, or too long to be done, is told in pixels`() {
        #expect(
            notes([drag(40, 40, 42, 40)]) == [
                "drag 1 is 2 pixels long, and the model sees none below 4: it counts as arrived before it begins"
            ])
        #expect(
            notes([drag(10, 40, 50, 40)], steps: 10) == [
                "drag 1 is 40 pixels long, and 10 drag steps go 20 at most: raise `max_steps` or shorten it"
            ])
        #expect(notes([drag(10, 40, 50, 40)], steps: 1)[0].contains("and 1 drag step goes 2 at most"))
        #expect(notes([drag(10, 40, 50, 40)], steps: 10) { $0.stepLength = .capped } == [])
        #expect(notes([drag(10, 40, 50, 40)], steps: 10) { $0.warp = 0.8 } == [])
        #expect(
            notes([drag(10, 40, 110, 40)]) == [
                "drag 1 goes through 78 % of what the model sees: content seldom arrives whole beyond 50 %"
            ])
        // A method without steps moves nothing, and a model that is not known has no grid.
        #expect(notes([drag(40, 40, 42, 40)], steps: nil) == [])
    }

    @Test func `a mask of almost nothing is told with what the model sees of it`() {
        let latent = Size(height: 16, width: 16)
        #expect(MaskDoubts.size(of: mask([(30..<60, 30..<60)]), latent: latent) == [])
        #expect(
            MaskDoubts.size(of: mask([(33..<36, 33..<36)]), latent: latent) == [
                "the mask frees 9 pixels and none of the model's 16×16 cells: the model takes it for no mask, and everything may change"
            ])
        #expect(
            MaskDoubts.size(of: mask([(32..<36, 32..<48)]), latent: latent) == [
                "the mask frees 64 pixels, 2 of the model's 16×16 cells: that is almost nothing"
            ])
        #expect(MaskDoubts.size(of: mask([(32..<48, 32..<64)]), latent: latent).count == 1)
        #expect(MaskDoubts.size(of: mask([(32..<56, 32..<56)]), latent: latent) == [])
        #expect(MaskDoubts.size(of: mask([(33..<36, 33..<36)]), latent: nil) == [])
    }

    @Test func `a mask full of specks looks like noise, and one of a few shapes does not`() {
        let shape = (x: 20..<60, y: 20..<60)
        #expect(MaskDoubts.noise(in: mask([shape]), named: "m.png") == [])
        let specks = (0..<30).map { i in (x: 70 + 5 * (i % 10)..<72 + 5 * (i % 10), y: 70 + i..<71 + i) }
        #expect(
            MaskDoubts.noise(in: mask([shape] + specks), named: "m.jpg") == [
                "the mask m.jpg has 30 free specks of at most 8 pixels, which look like noise: save it as PNG, painted in black and white"
            ])
        #expect(MaskDoubts.noise(in: mask([shape] + specks.prefix(19)), named: "m.jpg") == [])
    }

    @Test func `islands are the parts that share sides, and their areas add up`() {
        // A U, a diagonal neighbour inside it, and the ground.
        let u = mask([(10..<12, 10..<30), (20..<22, 10..<30), (10..<22, 28..<30), (12..<13, 9..<10)])
        let areas = Islands(u).areas
        #expect(areas.filter(\.isFree).map(\.area).sorted() == [1, 96])
        #expect(areas.filter { !$0.isFree }.map(\.area) == [128 * 128 - 97])
        #expect(Islands(mask([(0..<128, 0..<128)])).areas.map(\.area) == [128 * 128])
    }
}
