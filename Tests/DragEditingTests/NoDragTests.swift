import Diffusion
import DragEditing
import Imaging
import Settings
import TensorCore
import TestSupport
import Testing

/// The method `none`.
@Suite struct NoDragTests {
    @Test(arguments: [0, 0.6])
    func `none gives the picture bytes of max_steps 0, plain and stretched`(_ warp: Double) throws {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        let source = try picture("starter/lora_training.png")
        var settings = EditSettings()
        (settings.stepCount, settings.warp, settings.dragStepLimit) = (10, warp, 0)
        (settings.lora.steps, settings.lora.batch, settings.lora.rank) = (2, 1, 2)
        var request = EditRequest(
            image: Tensor([1, source.height, source.width, 3], source.normalised), sourcePrompt: "a face",
            editPrompt: "a crying face",
            drags: [Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 40, y: 24))], settings: settings)
        let stopped = try DragEditor(model).edit(request)
        request.method = NoDrag()
        request.settings.dragStepLimit = 160
        let none = try DragEditor(model).edit(request)
        func bytes(_ result: EditResult) throws -> [UInt8] {
            try source.replacingSamples(result.image.values).pngBytes()
        }
        #expect(try bytes(none) == bytes(stopped))
        #expect(none.record.handles == stopped.record.handles)
        #expect(none.record.iterations.isEmpty && none.record.steps == 0)
        #expect(none.record.outcome == stopped.record.outcome)
    }

    @Test func `none needs no guide, no steps and no mask`() {
        let needs = NoDrag().needs(EditSettings())
        #expect(!needs.guide && needs.fineTuning && !needs.mask)
        let cost = EditCost(EditSettings(), NoDrag(), isStretched: false)
        #expect(cost.stages[.dragging]?.steps == 0)
        #expect(cost.stages[.fineTuning]?.steps == EditSettings().lora.steps)
    }
}
