import Diffusion
import DragEditing
import TestSupport
import Testing

/// Edits that cannot be made, for reasons that a spec's own checks do not let through.
@Suite struct EditErrorTests {
    private func edit(_ change: (inout EditSettings) -> Void) throws {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        var settings = EditSettings()
        settings.stepCount = 10
        settings.dragStepLimit = 3
        settings.reach = 0.001
        settings.fusion = .drag
        settings.lora.steps = 0
        change(&settings)
        let request = EditRequest(
            image: try workingPicture("starter/lora_training.png", model), sourcePrompt: "a face",
            drags: [Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 40, y: 24))], settings: settings)
        _ = try DragEditor(model).edit(request)
    }

    @Test func `settings that leave no step, and steps that leave the numbers, are errors of the edit`() {
        let empty = #expect(throws: EditError.self) { try edit { $0.inversionStrength = 0 } }
        #expect(empty?.code == "edit.settings")
        let wild = #expect(throws: EditError.self) { try edit { $0.latentLearningRate = .infinity } }
        #expect(wild?.code == "edit.not_finite")
    }
}
