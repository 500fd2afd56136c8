import DragEditing
import Foundation
import Imaging
import Settings
import TestSupport
import Testing

@testable import EditJobs

/// The picture that `clipdragd preview` draws.
@Suite struct PreviewTests {
    /// A red square of 16 pixels at (24, 24) on grey, and a spec that moves it to the right.
    private func plan(
        _ rest: String = "", width: Int = 96, height: Int = 64, folder: ScratchFolder
    ) throws -> JobPlan {
        let samples = (0..<width * height).flatMap { i -> [UInt16] in
            let (x, y) = (i % width, i / width)
            return (24..<40).contains(x) && (24..<40).contains(y) ? [200, 20, 20] : [120, 120, 120]
        }
        let picture = try Image(width: width, height: height, samples: samples).pngBytes()
        try Data(picture).write(to: URL(filePath: "\(folder.path)/cat.png"))
        let spec = "prompt: {source: a square}\ndrags: [{from: [32, 32], to: [52, 32]}]\n\(rest)"
        try spec.write(toFile: "\(folder.path)/cat.yaml", atomically: true, encoding: .utf8)
        return try JobPlan(
            spec: "\(folder.path)/cat.yaml", image: nil, isImageNeeded: true, recommended: [], model: "",
            options: JobOptions())
    }

    private func pixel(_ image: Image, _ x: Int, _ y: Int) -> [UInt16] {
        Array(image.samples[3 * (y * image.width + x)..<3 * (y * image.width + x) + 3])
    }

    @Test func `the stretched picture has the content at the target, and the rest where it was`() throws {
        let folder = try ScratchFolder()
        let preview = try #require(EditPreview(try plan(folder: folder), latent: nil))
        let stretched = preview.stretched
        #expect(pixel(stretched, 52, 32)[0] > 180)
        #expect(pixel(stretched, 4, 4) == [120, 120, 120])
        #expect(preview.zoom == 6 && preview.image.height == 6 * 64)
    }

    @Test func `nothing moves outside the mask, and what it holds is dimmed`() throws {
        let folder = try ScratchFolder()
        let plan = try plan("mask: {rect: [20, 20, 24, 24]}\n", folder: folder)
        let preview = try #require(EditPreview(plan, latent: Size(height: 64, width: 96)))
        #expect(pixel(preview.stretched, 60, 32) == [120, 120, 120])
        #expect(pixel(preview.marked, 6 * 80, 6 * 10) == [123, 123, 123])
        #expect(pixel(preview.marked, 6 * 20, 6 * 24) == [13, 191, 89], "the mask's rim")
    }

    @Test func `handle, arrow and region are drawn where the spec has them`() throws {
        let folder = try ScratchFolder()
        let plan = try plan("region: {rect: [10, 12, 60, 44]}\n", folder: folder)
        let marked = try #require(EditPreview(plan, latent: nil)).marked
        #expect(pixel(marked, 195, 195)[0] > 200 && pixel(marked, 195, 195)[1] < 60, "the handle's disc")
        #expect(pixel(marked, 260, 195)[2] > 200, "the arrow's shaft")
        #expect(pixel(marked, 61, 72) == [242, 128, 0], "the region's frame")
    }

    @Test func `a large picture is shown smaller`() throws {
        let folder = try ScratchFolder()
        let plan = try plan(width: 2600, height: 100, folder: folder)
        let preview = try #require(EditPreview(plan, latent: nil))
        #expect(preview.marked.width == EditPreview.longestSide && preview.marked.height == 49)
    }

    @Test func `a smaller copy has the means of the pixels, by their opacity`() {
        let image = Image(
            width: 4, height: 2, samples: (0..<24).map { UInt16($0) },
            alpha: [255, 255, 0, 255, 255, 255, 0, 255])
        let small = image.reduced(toLongerSide: 2)
        #expect(small.width == 2 && small.height == 1 && small.alpha == [255, 128])
        #expect(small.samples[..<3] == [8, 9, 10], "the mean of 0, 3, 12 and 15, and so on")
        #expect(image.reduced(toLongerSide: 4) == image)
    }
}
