import Diffusion
import Settings
import TensorCore
import TestSupport
import Testing

@testable import DragEditing

/// Guidance towards P_e while sampling (`text_sampling`, ours).
@Suite struct TextSamplingTests {
    private let model: DiffusionModel
    private let latents: (reference: Tensor, edit: Tensor)

    init() throws {
        model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        var draws = SeededGenerator(seed: 5)
        let shape = [1, 8, 12, model.vae.latentChannels]
        latents = (draws.normal(shape), draws.normal(shape))
    }

    private func sample(_ text: String, wish: String?, guidance: Double, freedom: Double, area: Double = 1)
        throws -> (
            edit: Tensor, reference: Tensor
        )
    {
        var settings = EditSettings()
        (settings.stepCount, settings.inversionStrength) = (10, 0.5)
        (settings.textSampling, settings.textFreedom, settings.textArea) = (guidance, freedom, area)
        return try ReferenceSampling(model, Inversion(model, settings), settings).sample(
            reference: latents.reference, edit: latents.edit, text: model.textStates(text),
            wish: wish.map(model.textStates), report: { _ in })
    }

    private func distance(_ a: Tensor, _ b: Tensor) -> Float {
        zip(a.values, b.values).map { abs($0 - $1) }.max() ?? 0
    }

    @Test func `guidance of one samples by the edit prompt alone`() throws {
        let guided = try sample("a red apple", wish: "a lemon", guidance: 1, freedom: 0)
        let plain = try sample("a lemon", wish: nil, guidance: 0, freedom: 0)
        // The reference is sampled by another prompt, so the two agree only where reference control is off.
        let free = try sample("a red apple", wish: "a lemon", guidance: 1, freedom: 1)
        #expect(distance(free.edit, guided.edit) > 1e-4)
        var settings = EditSettings()
        (settings.stepCount, settings.inversionStrength, settings.controlStartStep) = (10, 0.5, 1000)
        let alone = try ReferenceSampling(model, Inversion(model, settings), settings).sample(
            reference: latents.reference, edit: latents.edit, text: model.textStates("a lemon"),
            report: { _ in })
        #expect(distance(free.edit, alone.edit) < 1e-4)
        #expect(distance(plain.reference, alone.reference) == 0)
    }

    @Test func `an edit prompt that says the same as the source prompt changes nothing`() throws {
        let guided = try sample("a red apple", wish: "a red apple", guidance: 4, freedom: 0)
        let plain = try sample("a red apple", wish: nil, guidance: 0, freedom: 0)
        #expect(distance(guided.edit, plain.edit) < 1e-4)
        #expect(distance(guided.reference, plain.reference) < 1e-4)
    }

    @Test func `stronger guidance goes further from the source prompt`() throws {
        let plain = try sample("a red apple", wish: nil, guidance: 0, freedom: 0)
        let ways = try [1.0, 3.0].map {
            distance(try sample("a red apple", wish: "a lemon", guidance: $0, freedom: 0).edit, plain.edit)
        }
        #expect(ways[0] > 1e-4 && ways[1] > 1.5 * ways[0])
    }

    @Test func `with text_area the edit prompt changes its part of the latent, and nothing else`() throws {
        let plain = try sample("a red apple", wish: nil, guidance: 0, freedom: 0).edit
        let whole = try sample("a red apple", wish: "a lemon", guidance: 3, freedom: 0.6).edit
        let limited = try sample("a red apple", wish: "a lemon", guidance: 3, freedom: 0.6, area: 0.25).edit
        let channels = plain.shape[3]
        func changed(_ edit: Tensor) -> Int {
            (0..<edit.count / channels).count { cell in
                (0..<channels).contains {
                    abs(edit.values[cell * channels + $0] - plain.values[cell * channels + $0]) > 1e-4
                }
            }
        }
        #expect(changed(whole) == 96)
        #expect(changed(limited) == 24)
        #expect(
            distance(
                try sample("a red apple", wish: "a lemon", guidance: 3, freedom: 0.6, area: 1).edit, whole)
                == 0)
    }

    @Test func `a guided sampling counts a third pass at every step`() {
        var settings = EditSettings()
        settings.textSampling = 3
        #expect(settings.samplesWish("a lemon") && !settings.samplesWish(nil))
        let cost = EditCost(settings, CLIPDrag(), isStretched: false, isWishSampled: true)
        #expect(cost.stages[.sampling]?.fixed == Work(passes: 3 * settings.invertedStepCount))
        settings.textArea = 0.5
        let limited = EditCost(settings, CLIPDrag(), isStretched: false, isWishSampled: true)
        #expect(limited.stages[.sampling]?.fixed == Work(passes: 4 * settings.invertedStepCount))
    }
}

/// `text_steps` and a text without drags.
@Suite struct TextAloneTests {
    @Test func `a text without drags ends after text_steps, and after max_steps where that is 0`() throws {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        let image = try workingPicture("starter/lora_training.png", model)
        var settings = EditSettings()
        (settings.stepCount, settings.dragStepLimit, settings.lora.steps) = (10, 4, 0)
        func steps(_ textSteps: Int) throws -> Int {
            settings.textSteps = textSteps
            let request = EditRequest(
                image: image, sourcePrompt: "a face", editPrompt: "a red face", drags: [], settings: settings)
            return try DragEditor(model).edit(request).record.steps
        }
        #expect(try steps(2) == 2)
        #expect(try steps(0) == 4)
        #expect(try steps(9) == 4)
    }
}
