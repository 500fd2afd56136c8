import DragEditing
import Testing

@testable import RegionEditing

@Suite struct EditRegionTests {
    private let picture = Size(height: 3000, width: 4000)

    private func drag(_ x: Double, _ y: Double, to: (x: Double, y: Double)) -> Drag {
        Drag(from: ImagePoint(x: x, y: y), to: ImagePoint(x: to.x, y: to.y))
    }

    private func automatic(_ drags: [Drag], mask: EditMask? = nil, in picture: Size, native: Int = 512)
        -> EditRegion
    {
        EditRegion(.auto, drags: drags, mask: mask, picture: picture, native: native, padding: 0.25)
    }

    @Test func `the automatic region holds the drag's disc and its padding`() {
        let region = automatic([drag(2000, 1500, to: (2400, 1500))], in: picture)
        // The disc has a radius of 600, the padding is a quarter of its diameter.
        #expect(region == EditRegion(x: 1300, y: 600, width: 1800, height: 1800))
    }

    @Test func `a small drag gets a region of the model's own size`() {
        let region = automatic([drag(2000, 1500, to: (2010, 1500))], in: picture)
        #expect(region.size == Size(height: 512, width: 512))
        #expect(
            region.contains(ImagePoint(x: 2000, y: 1500)) && region.contains(ImagePoint(x: 2010, y: 1500)))
    }

    @Test func `a region at the picture's rim is moved inside`() {
        let region = automatic([drag(5, 5, to: (20, 20))], in: picture)
        #expect(region == EditRegion(x: 0, y: 0, width: 512, height: 512))
    }

    @Test func `a picture smaller than the model's own is edited whole`() {
        let small = Size(height: 100, width: 128)
        #expect(automatic([drag(50, 50, to: (60, 50))], in: small, native: 128) == EditRegion(whole: small))
    }

    @Test func `the region holds the whole mask`() {
        var values = [Bool](repeating: false, count: 1000 * 1000)
        values[200 * 1000 + 100] = true
        values[800 * 1000 + 850] = true
        let size = Size(height: 1000, width: 1000)
        let region = automatic([], mask: EditMask(size: size, values: values), in: size, native: 64)
        #expect(region.contains(ImagePoint(x: 100, y: 200)) && region.contains(ImagePoint(x: 850, y: 800)))
        #expect(region.cropped(EditMask(size: size, values: values)).values.count { $0 } == 2)
    }

    @Test func `an edit by text without drags and mask edits the whole picture`() {
        #expect(automatic([], in: picture) == EditRegion(whole: picture))
    }
}
