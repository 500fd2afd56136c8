import Diffusion
import Settings
import TensorCore
import Testing
import TestSupport

@testable import DragEditing

/// An edit computes for a trace only what somebody asked for.
@Suite struct TraceTests {
    @Test func `without a receiver no tensor is computed`() {
        var computed = 0
        func tensor() -> Tensor {
            computed += 1
            return .zeros([1])
        }
        Trace()("a", tensor())
        #expect(computed == 0)
        var received: [String] = []
        Trace { name, _ in received.append(name) }("a", tensor())
        #expect(computed == 1 && received == ["a"])
    }

    @Test func `the picture is the same with a trace and without, and the trace has every stage's tensors`()
        throws
    {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        var settings = EditSettings()
        (settings.stepCount, settings.dragStepLimit, settings.fusion, settings.lora.steps) = (10, 1, .drag, 0)
        let request = EditRequest(
            image: try workingPicture("starter/lora_training.png", model), sourcePrompt: "a face",
            drags: [Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 40, y: 24))], settings: settings)
        var names: Set<String> = []
        let traced = try DragEditor(model).edit(request, record: { name, _ in names.insert(name) })
        #expect(try DragEditor(model).edit(request).image.values == traced.image.values)
        for name in ["text.clip", "latent.path", "features.initial", "iter.0000.grad", "image.result"] {
            #expect(names.contains(name), "\(name)")
        }
    }
}
