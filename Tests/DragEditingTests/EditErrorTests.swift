import Diffusion
import DragEditing
import Failures
import Foundation
import Settings
import TensorCore
import Testing
import TestSupport

/// Errors that only the edit itself can detect, and masks that have no cell at latent size.
@Suite struct EditErrorTests {
    @discardableResult
    private func edit(
        _ folder: String = Fixtures.path("starter/model"), mask: EditMask? = nil,
        _ change: (inout EditSettings) -> Void = { _ in }
    ) throws -> EditResult {
        let model = try DiffusionModel(folder: folder)
        var settings = EditSettings()
        settings.stepCount = 10
        settings.dragStepLimit = 3
        settings.reach = 0.001
        settings.fusion = .drag
        settings.lora.steps = 0
        change(&settings)
        let request = EditRequest(
            image: try workingPicture("starter/lora_training.png", model), sourcePrompt: "a face",
            drags: [Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 40, y: 24))], mask: mask,
            settings: settings)
        return try DragEditor(model).edit(request)
    }

    @Test func `settings that leave no step and latents that are not finite are errors of the edit`() {
        let empty = #expect(throws: Failure.self) { try edit { $0.inversionStrength = 0 } }
        #expect(empty?.code == "edit.settings")
        let wild = #expect(throws: Failure.self) { try edit { $0.latentLearningRate = .infinity } }
        #expect(wild?.code == "edit.not_finite")
        // the schedule's offset puts the last of 1000 steps behind the last timestep
        let late = #expect(throws: Failure.self) {
            try edit {
                $0.stepCount = 1000
                $0.inversionStrength = 1
            }
        }
        #expect(late?.code == "edit.settings" && late?.message.contains("timestep 1000") == true)
    }

    @Test func `a decoded picture that is not finite is an error of the edit`() throws {
        let folder = try ScratchFolder(copying: "starter/model")
        let path = "\(folder.path)/vae/diffusion_pytorch_model.safetensors"
        var file = try CheckpointFile(path: path)
        file.entries["decoder.conv_out.bias"] = .init(
            dtype: "F32", shape: [3], bytes: Data(repeating: 0xff, count: 12))
        try file.write(path)
        let error = #expect(throws: Failure.self) { try edit(folder.path) }
        #expect(error?.code == "edit.not_finite" && error?.message.contains("picture") == true)
    }

    @Test
    func
        `a mask without a cell at latent size counts as no mask, and the result says whether it had cells before`()
        throws
    {
        let size = Size(height: 64, width: 64)
        func mask(_ pixels: Set<Int>) -> EditMask {
            EditMask(size: size, values: (0..<size.height * size.width).map { pixels.contains($0) })
        }
        let plain = try edit()
        for (pixels, vanished) in [([], false), ([65], true)] as [(Set<Int>, Bool)] {
            let found = try edit(mask: mask(pixels))
            #expect(found.mask == nil && found.maskVanished == vanished)
            #expect(found.image.values == plain.image.values)
        }
        let held = try edit(mask: mask([0]))
        #expect(held.mask == mask([0]) && !held.maskVanished && held.image.values != plain.image.values)
    }
}
