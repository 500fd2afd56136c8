import Diffusion
import Foundation
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
        throws -> (edit: Tensor, reference: Tensor)
    {
        var settings = EditSettings()
        (settings.stepCount, settings.inversionStrength) = (10, 0.5)
        (settings.textSampling, settings.textFreedom, settings.textArea) = (guidance, freedom, area)
        return try sample(text, wish: wish, settings)
    }

    private func sample(_ text: String, wish: String?, _ settings: EditSettings)
        throws -> (edit: Tensor, reference: Tensor)
    {
        let sampler = ReferenceSampling(model, try Inversion(model, settings), settings)
        let states = model.textStates(text)
        let path = sampler.sample(
            reference: latents.reference, edit: latents.edit, text: states, report: { _ in })
        #expect(path.edit.count == 6 && path.reference.count == 6)
        let edit = wish.map {
            sampler.guided(
                beside: path, by: texts(text, $0), .free, beginning: path.edit[0], report: { _ in }
            ).latent
        }
        return (edit ?? path.edit[5], path.reference[5])
    }

    private func texts(_ own: String, _ wish: String) -> GuidingTexts {
        GuidingTexts(
            own: model.textStates(own), wish: model.textStates(wish), empty: model.textStates(""))
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
        let alone = try sample("a lemon", wish: nil, settings)
        #expect(distance(free.edit, alone.edit) < 1e-4)
        #expect(distance(plain.reference, alone.reference) == 0)
    }

    /// Tests/Fixtures/text_sampling.json.
    private struct Facts: Decodable {
        struct Case: Decodable {
            let guidance, freedom, area: Double
            let layout: EditRecord.Guidance.Layout
        }
        let prompts: [String]
        let cases: [String: Case]
        let gain: Double
    }

    private func facts() throws -> Facts {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(
            Facts.self,
            from: Data(contentsOf: URL(filePath: "\(Fixtures.folder)/text_sampling.json")))
    }

    @Test(arguments: ["free", "area", "held", "kept", "redrawn"])
    func `sampling towards an edit prompt gives what the reference gives`(name: String) throws {
        let facts = try facts()
        let file = try Fixtures.tensors("text_sampling.safetensors")
        let row = try #require(facts.cases[name])
        var settings = EditSettings()
        (settings.stepCount, settings.inversionStrength) = (10, 0.5)
        (settings.textSampling, settings.textFreedom) = (row.guidance, row.freedom)
        settings.textArea = row.area
        let texts = texts(facts.prompts[0], facts.prompts[1])
        let sampler = ReferenceSampling(model, try Inversion(model, settings), settings)
        let path = sampler.sample(
            reference: try file.image("reference"), edit: try file.image("edit"),
            text: model.textStates(facts.prompts[0]),
            report: { _ in })
        #expect(relativeError(path.edit[5], try file.image("plain")) < 1e-4)
        let edit = sampler.guided(
            beside: path, by: texts, row.layout, beginning: path.edit[0], report: { _ in })
        #expect(relativeError(edit.latent, try file.image(name)) < 1e-4)
    }

    @Test func `what a text explains of a picture is what the reference finds`() throws {
        let facts = try facts()
        let file = try Fixtures.tensors("text_sampling.safetensors")
        let noises = try (0..<TextLikelihood.copies).map { try file.image("noise.\($0)") }
        let gain = TextLikelihood(model: model).gain(
            of: model.textStates(facts.prompts[1]), over: model.textStates(""),
            in: try file.image("redrawn"), noises: noises)
        #expect(abs(gain - facts.gain) < 1e-5)
        #expect(abs(facts.gain) > 1e-3)
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

    @Test
    func `a guided sampling counts its passes, and auto those of both that it may try and four pictures`() {
        var settings = EditSettings()
        settings.textSampling = 3
        #expect(settings.samplesWish("a lemon") && !settings.samplesWish(nil))
        func work(isWishSampled: Bool) -> Work? {
            EditCost(settings, CLIPDrag(), isStretched: false, isWishSampled: isWishSampled)
                .stages[.sampling]?.fixed
        }
        let steps = settings.invertedStepCount
        #expect(work(isWishSampled: false) == Work(passes: 2 * steps))
        #expect(work(isWishSampled: true) == Work(passes: 5 * steps))
        settings.textLayout = .redrawn
        #expect(work(isWishSampled: true) == Work(passes: 4 * steps, decodes: 1))
        settings.textLayout = .auto
        #expect(work(isWishSampled: false) == Work(passes: 2 * steps))
        #expect(work(isWishSampled: true) == Work(passes: 7 * steps + 18, decodes: 4))
    }

    @Test func `sampling may begin in the middle of a path`() throws {
        var settings = EditSettings()
        (settings.stepCount, settings.inversionStrength, settings.textSampling) = (10, 0.5, 3)
        (settings.textFreedom, settings.textArea) = (0.4, 0.25)
        let sampler = ReferenceSampling(model, try Inversion(model, settings), settings)
        let text = model.textStates("a red apple")
        let whole = sampler.sample(
            reference: latents.reference, edit: latents.edit, text: text, report: { _ in })
        var steps: [Int] = []
        let rest = sampler.sample(
            reference: whole.reference[2], edit: whole.edit[2], text: text, from: 2,
            report: { steps.append($0) })
        #expect(steps == [3, 4, 5])
        #expect(distance(rest.edit[3], whole.edit[5]) < 1e-5)
        let edit = sampler.guided(
            beside: rest, by: texts("a red apple", "a lemon"), .free, beginning: rest.edit[0], from: 2,
            report: { steps.append($0) })
        #expect(steps == [3, 4, 5, 3, 4, 5])
        #expect(distance(edit.latent, rest.edit[3]) > 1e-3)
    }
}

/// `text_layout`: whether the edit prompt may change the layout.
@Suite struct TextLayoutTests {
    private func edit(
        guidance: Double, _ layout: EditSettings.TextLayout, drags: [Drag] = [], mask: Bool = false,
        area: Double = 1, warp: Double = 0, steps: Int = 0
    ) throws -> (result: EditResult, steps: [Int]) {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        var settings = EditSettings()
        (settings.stepCount, settings.dragStepLimit, settings.lora.steps) = (10, steps, 0)
        (settings.textSampling, settings.textFreedom, settings.textLayout) = (guidance, 1, layout)
        settings.textSteps = steps
        (settings.autoMask, settings.textArea, settings.warp) = (true, area, warp)
        let image = try workingPicture("starter/lora_training.png", model)
        let size = Size(height: image.shape[1], width: image.shape[2])
        let request = EditRequest(
            image: image, sourcePrompt: "a face", editPrompt: "a red face", drags: drags,
            mask: mask ? EditMask.around(drags, size: size) : nil, settings: settings)
        var steps: [Int] = []
        let result = try DragEditor(model).edit(
            request,
            report: { progress in
                if progress.stage == .sampling { steps.append(progress.step) }
                #expect(progress.step <= progress.total)
            })
        return (result, steps)
    }

    private func distance(_ a: Tensor, _ b: Tensor) -> Float {
        zip(a.values, b.values).map { abs($0 - $1) }.max() ?? 0
    }

    @Test func `auto leaves the layout free where the edit prompt replaces little`() throws {
        let (free, auto) = (try edit(guidance: 0.01, .free), try edit(guidance: 0.01, .auto))
        #expect(free.result.record.guidance == EditRecord.Guidance(layout: .free))
        #expect(auto.result.record.guidance?.layout == .free)
        #expect(try #require(auto.result.record.guidance?.replaced) < 0.045)
        #expect(distance(free.result.decoded, auto.result.decoded) == 0)
        #expect(free.steps == Array(0...14))
        #expect(auto.steps == Array(0...14) + [21])
    }

    @Test func `a text may draw the picture anew`() throws {
        let (kept, redrawn) = (try edit(guidance: 0.5, .kept), try edit(guidance: 0.5, .redrawn))
        #expect(kept.result.record.guidance == EditRecord.Guidance(layout: .kept))
        #expect(kept.steps == Array(0...14))
        #expect(redrawn.result.record.guidance == EditRecord.Guidance(layout: .redrawn))
        #expect(redrawn.steps == Array(0...14))
        #expect(distance(kept.result.decoded, redrawn.result.decoded) > 0.1)
    }

    @Test(arguments: EditSettings.TextLayout.allCases.filter { $0 != .auto })
    func `beside drags that the stretch does alone a text is the text alone, stretched`(
        layout: EditSettings.TextLayout
    ) throws {
        let drag = Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 32, y: 20))
        let alone = try edit(guidance: 0.5, layout).result
        let both = try edit(guidance: 0.5, layout, drags: [drag], warp: 1).result
        #expect(both.record.isStretchedLast && !alone.record.isStretchedLast)
        #expect(distance(both.unstretched, alone.decoded) == 0)
        #expect(distance(both.decoded, try #require(both.stretch).warped(alone.decoded)) == 0)
        #expect(distance(both.decoded, alone.decoded) > 0.05)
    }

    @Test func `what a free text has moved is not stretched once more; a redrawn picture is stretched whole`()
        throws
    {
        // Here the fixture's text moves what is there by two pixels and a half.
        let drag = Drag(from: ImagePoint(x: 22, y: 10), to: ImagePoint(x: 34, y: 10))
        let free = try edit(guidance: 0.5, .free, drags: [drag], warp: 1).result
        let size = free.record.grid.image
        let left = GuidedDrags([drag], from: free.reconstruction, to: free.unstretched, in: size)
        #expect(left.starts[0].x > 23)
        #expect(free.record.stretch?.starts == left.starts.map(free.record.grid.cell))
        let rest = DragWarp(left.rest, part: 1, image: size, mask: nil, grid: free.latentSize)
        #expect(distance(free.decoded, rest.warped(free.unstretched)) == 0)
        let again = DragWarp([drag], part: 1, image: size, mask: nil, grid: free.latentSize)
        #expect(distance(free.decoded, again.warped(free.unstretched)) > 0.01)
        let path = free.record.path(ofDrag: 0)
        #expect(path[0] == free.record.handles[0].start && path[1] == free.record.guided(ofDrag: 0))
        let redrawn = try edit(guidance: 0.5, .redrawn, drags: [drag], warp: 1).result
        #expect(redrawn.record.stretch?.starts == nil)
        let whole = DragWarp([drag], part: 1, image: size, mask: nil, grid: redrawn.latentSize)
        #expect(distance(redrawn.decoded, whole.warped(redrawn.unstretched)) == 0)
    }

    @Test func `beside a whole stretch a text that is left out leaves nothing of CLIP's gradient either`()
        throws
    {
        let drag = Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 32, y: 20))
        let result = try edit(guidance: 20, .auto, drags: [drag], warp: 1, steps: 2).result
        let auto = result.record
        #expect(distance(result.unedited, result.decoded) == 0)
        #expect(auto.guidance != nil && auto.guidance?.layout == nil)
        #expect(auto.steps > 0 && auto.stretch?.isAlone == false && auto.isOnlyStretched)
        let half = try edit(guidance: 20, .auto, drags: [drag], warp: 0.5, steps: 2).result.record
        #expect(half.guidance != nil && half.guidance?.layout == nil && !half.isOnlyStretched)
        #expect(try !edit(guidance: 0.5, .free, drags: [drag], warp: 1).result.record.isOnlyStretched)
    }

    @Test
    func
        `what the stretch leaves to the drag is guided where it is dragged; what is drawn anew is stretched`()
        throws
    {
        let drag = Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 44, y: 20))
        let (free, redrawn) = (
            try edit(guidance: 0.5, .free, drags: [drag], warp: 0.5).result,
            try edit(guidance: 0.5, .redrawn, drags: [drag], warp: 0.5).result
        )
        #expect(free.record.stretch?.isWhole == false && !free.record.isStretchedLast)
        #expect(distance(free.unstretched, free.decoded) == 0)
        #expect(redrawn.record.isStretchedLast)
        #expect(distance(redrawn.unstretched, try edit(guidance: 0.5, .redrawn).result.decoded) == 0)
    }

    @Test func `a text alone that auto leaves out leaves nothing of CLIP's gradient either`() throws {
        let (plain, auto) = (
            try edit(guidance: 0, .free, steps: 2).result, try edit(guidance: 20, .auto, steps: 2).result
        )
        #expect(auto.record.guidance?.layout == nil && auto.record.steps == 2)
        #expect(distance(plain.decoded, plain.reconstruction) > 1e-3)
        #expect(distance(auto.decoded, auto.reconstruction) == 0)
    }

    @Test func `auto leaves the edit prompt out where it replaces much and does not show`() throws {
        let (plain, redrawn, auto) = (
            try edit(guidance: 0, .free), try edit(guidance: 20, .redrawn), try edit(guidance: 20, .auto)
        )
        let guidance = try #require(auto.result.record.guidance)
        #expect(guidance.layout == nil && guidance.replaced ?? 0 > 0.045)
        #expect(distance(plain.result.decoded, auto.result.decoded) == 0)
        #expect(distance(plain.result.decoded, redrawn.result.decoded) > 0.1)
        #expect(auto.steps == Array(0...21))
    }

    @Test
    func `a text shows where it worked, outside the drags' surroundings too, and not outside a given mask`()
        throws
    {
        let drag = Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 24, y: 20))
        func part(_ result: EditResult) throws -> Double {
            let mask = try #require(result.mask)
            return Double(mask.values.count { $0 }) / Double(mask.values.count)
        }
        #expect(try part(edit(guidance: 3, .free, drags: [drag]).result) == 1)
        let disc = try part(edit(guidance: 3, .free, drags: [drag], mask: true).result)
        let area = try part(edit(guidance: 3, .free, drags: [drag], area: 0.05).result)
        #expect(disc < area && area < 0.9)
        #expect(try part(edit(guidance: 3, .kept, drags: [drag]).result) == 1)
        #expect(try part(edit(guidance: 3, .redrawn, drags: [drag]).result) == 1)
        #expect(try part(edit(guidance: 3, .kept, drags: [drag], mask: true).result) < 0.9)
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

    @Test func `after a stretch of the whole way a text has text_steps; a handle on its way is dragged on`()
        throws
    {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        var settings = EditSettings()
        (settings.stepCount, settings.dragStepLimit, settings.textSteps, settings.lora.steps) = (10, 5, 2, 0)
        // The latent moves so far with each step that no handle is found in its place.
        (settings.latentLearningRate, settings.motionArea) = (3, .surroundings)
        (settings.tracking, settings.reach) = (.nearest, 0.5)
        func record(warp: Double) throws -> EditRecord {
            settings.warp = warp
            let request = EditRequest(
                image: try workingPicture("starter/lora_training.png", model), sourcePrompt: "a face",
                editPrompt: "a red face",
                drags: [Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 40, y: 24))],
                settings: settings)
            return try DragEditor(model).edit(request).record
        }
        settings.textSampling = 3
        let guided = try record(warp: 1)
        #expect(guided.steps == 2 && guided.handles.map(\.position) == guided.stretch?.positions)
        settings.textSampling = 0
        let (whole, half) = (try record(warp: 1), try record(warp: 0.5))
        #expect(whole.steps == 2 && whole.outcome == .reached)
        #expect(whole.iterations.contains { $0.distances[0] > settings.reach })
        #expect(half.steps == 5 && half.outcome == .maxSteps)
    }
}
