import Diffusion
import Failures
import Foundation
import Imaging
import Settings
import TensorCore
import TestSupport
import Testing

@testable import DragEditing

/// The methods without a drag gradient, against oracle/make_latent_fixtures.py.
///
/// Noise of 4e-6 on every input, about another engine's rounding, moves no recorded tensor by more than 1e-5 (`noise` in the
/// fixtures): twice that is the bound.
@Suite struct LatentMethodTests {
    private static let bound = 2e-5

    /// The cases of a method, each with its index.
    private func cases(_ name: String) throws -> [(index: Int, row: [String: Any])] {
        let rows = try #require(try Fixtures.json("latent_methods/\(name).json") as? [[String: Any]])
        return rows.enumerated().map { ($0, $1) }
    }

    private func mask(_ tensor: Tensor?) -> EditMask? {
        tensor.map {
            EditMask(size: Size(height: $0.shape[0], width: $0.shape[1]), values: $0.values.map { $0 > 0 })
        }
    }

    private func settings(_ row: [String: Any]) throws -> EditSettings {
        var settings = EditSettings()
        for (name, value) in row["settings"] as? [String: Any] ?? [:] {
            let kind = try Setting.named(name).kind
            if case .integer = kind {
                try settings.set(name, to: .integer(try #require(value as? Int)))
            } else {
                try settings.set(name, to: .number(try #require(value as? Double)))
            }
        }
        return settings
    }

    /// A task whose grid has `scale` cells a latent cell.
    private func task(
        _ latent: Tensor, drags: [[Double]], scale: Int, mask: EditMask?, prompt: String = ""
    ) -> DragTask {
        let size = Size(height: latent.shape[1] * scale, width: latent.shape[2] * scale)
        func cell(_ row: Double, _ column: Double) -> GridCell {
            GridCell(row: Int(row * Double(scale)), column: Int(column * Double(scale)))
        }
        let handles = drags.map { drag in
            let start = cell(drag[0], drag[1])
            return HandlePoint(position: start, start: start, target: cell(drag[2], drag[3]))
        }
        var task = DragTask(
            inverted: latent, timestep: 0, text: latent, wish: nil, hasEditPrompt: false, handles: handles,
            grid: FeatureGrid(size: size, image: size), mask: mask)
        task.prompts = (prompt, prompt)
        return task
    }

    @Test func `FastDrag's warp moves and fills the oracle's cells`() throws {
        let file = try Fixtures.tensors("latent_methods/fastdrag.safetensors")
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        for (i, row) in try cases("fastdrag") {
            let drags = try #require(row["drags"] as? [[Double]]).map {
                [$0[0], $0[1], $0[0] + $0[2], $0[1] + $0[3]]
            }
            let task = task(
                try file.image("\(i).z"), drags: drags, scale: 4, mask: mask(file.tensor("\(i).domain")))
            let edited = try FastDrag().edit(task, EditSettings(), model, MethodRun())
            let numbers = try #require(edited.record.iterations.first).numbers
            #expect(numbers["moved_cells"] == Double(try #require(row["moved"] as? Int)), "case \(i)")
            #expect(numbers["filled_cells"] == Double(try #require(row["holes"] as? Int)), "case \(i)")
            #expect(relativeError(edited.latent, try file.image("\(i).out")) < 1e-6, "case \(i)")
            #expect(edited.record.handles.allSatisfy { $0.position == $0.target })
        }
    }

    @Test func `RegionDrag gives the oracle's latents from its draws`() throws {
        let file = try Fixtures.tensors("latent_methods/regiondrag.safetensors")
        for (i, row) in try cases("regiondrag") {
            let family = try #require(row["family"] as? String)
            let model = try DiffusionModel(folder: Fixtures.path("\(family)/model"))
            var regions = 0
            while file.tensor("\(i).region.\(regions).from") != nil { regions += 1 }
            var task = task(
                try file.image("\(i).clean"), drags: Array(repeating: [1, 1, 2, 2], count: regions), scale: 2,
                mask: mask(file.tensor("\(i).mask")), prompt: try #require(row["prompt"] as? String))
            for k in 0..<regions {
                let from = try #require(mask(file.tensor("\(i).region.\(k).from")))
                let to = try #require(mask(file.tensor("\(i).region.\(k).to")))
                task.regions.append(RegionPair(from: from, to: to))
            }
            var traced: [String: Tensor] = [:]
            let run = MethodRun(
                trace: Trace { traced[$0] = $1 },
                draw: { name, _ in (try? file.image("\(i).\(name)")) ?? Tensor.zeros([1]) })
            let edited = try RegionDrag().edit(task, try settings(row), model, run)
            let middle = try #require(row["middle"] as? Int)
            let seen = try #require(traced["regiondrag.\(middle).latent"])
            #expect(relativeError(seen, try file.image("\(i).middle")) < Self.bound, "case \(i)")
            #expect(relativeError(edited.latent, try file.image("\(i).out")) < Self.bound, "case \(i)")
            let pasted = edited.record.iterations.map { $0.numbers["pasted_cells"] }
            #expect(pasted.allSatisfy { $0 == Double((row["pairs"] as? [[Int]])?.count ?? -1) }, "case \(i)")
        }
    }

    @Test func `SDE-Drag gives the oracle's latents from its draws`() throws {
        let file = try Fixtures.tensors("latent_methods/sdedrag.safetensors")
        for (i, row) in try cases("sdedrag") {
            let family = try #require(row["family"] as? String)
            var model = try DiffusionModel(folder: Fixtures.path("\(family)/model"))
            var task = task(
                try file.image("\(i).clean"), drags: try #require(row["drags"] as? [[Double]]), scale: 2,
                mask: mask(file.tensor("\(i).mask")), prompt: try #require(row["prompt"] as? String))
            if let name = row["lora"] as? String {
                let lora = try LoRA(path: Fixtures.path("\(family)/\(name)"), sites: model.unet.loraSites)
                task.lora = lora
                model.unet = model.unet.merging(lora)
            }
            var traced: [String: Tensor] = [:]
            let run = MethodRun(
                trace: Trace { traced[$0] = $1 },
                draw: { name, _ in (try? file.image("\(i).\(name)")) ?? Tensor.zeros([1]) })
            let edited = try SDEDrag().edit(task, try settings(row), model, run)
            let pasted = try #require(traced["sdedrag.0.pasted"])
            #expect(edited.record.iterations.count == row["copies"] as? Int, "case \(i)")
            #expect(relativeError(pasted, try file.image("\(i).pasted")) < Self.bound, "case \(i)")
            #expect(relativeError(edited.latent, try file.image("\(i).out")) < Self.bound, "case \(i)")
        }
    }

    @Test func `DiffCLIP's losses and its sampled latent are the oracle's`() throws {
        let file = try Fixtures.tensors("latent_methods/diffclip.safetensors")
        for (i, row) in try cases("diffclip") {
            let family = try #require(row["family"] as? String)
            let model = try DiffusionModel(folder: Fixtures.path("\(family)/model"))
            let prompts = try #require(row["prompts"] as? [String])
            var task = task(try file.image("\(i).inverted"), drags: [], scale: 2, mask: nil)
            task.source = try file.image("\(i).source")
            task.text = model.textStates(prompts[0])
            task.prompts = (prompts[0], prompts[1])
            task.wish = try #require(model.guide).embedding(of: prompts[1])
            let run = MethodRun(draw: { name, _ in file.tensor("\(i).\(name)") ?? Tensor.zeros([1]) })
            let edited = try DiffCLIP().edit(task, try settings(row), model, run)
            let noise = try #require(row["noise"] as? [String: Double])
            let losses = try #require(row["losses"] as? [Double])
            let found = edited.record.iterations.compactMap { $0.numbers["loss"] }
            #expect(found.count == losses.count)
            for (loss, expected) in zip(found, losses) {
                #expect(
                    abs(loss - expected) < max(2 * (noise["losses"] ?? 0), 1e-5) * abs(expected), "case \(i)")
            }
            let error = relativeError(edited.latent, try file.image("\(i).out"))
            #expect(error < 2 * (noise["out"] ?? 0), "case \(i)")
        }
    }

    @Test func `the directional loss's gradient agrees with finite differences`() throws {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        let clip = try #require(model.guide).clip
        var generator = SeededGenerator(seed: 6)
        let source = generator.normal([1, 64, 64, 3]).mapped { 0.5 + 0.1 * $0 }
        let texts = (generator.normal([1, clip.embeddingWidth]), generator.normal([1, clip.embeddingWidth]))
        let loss = DirectionalLoss(clip, source: source, texts: texts, keep: 0.3)
        let picture = source + 0.05 * generator.normal(source.shape)
        let variable = Variable(trainable: picture)
        let slope = gradients(of: loss(variable).cotangents, withRespectTo: [variable])[0]
        let direction = generator.normal(source.shape)
        func value(_ h: Float) -> Double { loss(Variable(.combination(1, picture, h, direction))).value }
        let expected = (value(1e-3) - value(-1e-3)) / 2e-3
        #expect(abs(slope.dot(direction) - expected) < 0.02 * abs(expected))
    }

    @Test func `DiffCLIP edits a picture by its text`() throws {
        let model = try starter()
        var request = try edit(by: DiffCLIP())
        request.drags = []
        request.editPrompt = "a smiling dog"
        request.settings.dragStepLimit = 3
        let result = try DragEditor(model).edit(request)
        #expect(result.record.iterations.count == 3)
        #expect(relativeError(result.decoded, result.reconstruction) > 1e-3)
        #expect(try DragEditor(model).edit(request).image.values == result.image.values)
    }

    @Test func `the way back of a latent that nothing has changed gives the picture's own latent`() throws {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        var generator = SeededGenerator(seed: 3)
        let clean = generator.normal([1, 16, 16, 4])
        var settings = EditSettings()
        (settings.stepCount, settings.inversionStrength) = (10, 0.6)
        (settings.pasteGain, settings.sourceKept, settings.pasteRadius) = (1, 1, 1)
        // A copy onto itself: the drag is shorter than a cell.
        let task = task(clean, drags: [[8, 8, 8, 8.5]], scale: 2, mask: nil)
        let edited = try SDEDrag().edit(task, settings, model, MethodRun())
        #expect(relativeError(edited.latent, clean) < 1e-6)
    }

    private func starter() throws -> DiffusionModel {
        try DiffusionModel(folder: Fixtures.path("starter/model"))
    }

    private func edit(by method: any DragMethod) throws -> EditRequest {
        let source = try picture("starter/lora_training.png")
        var settings = EditSettings()
        (settings.stepCount, settings.warp, settings.pasteStep) = (4, 1, 4)
        (settings.lora.steps, settings.lora.batch, settings.lora.rank) = (1, 1, 2)
        return EditRequest(
            image: Tensor([1, source.height, source.width, 3], source.normalised), sourcePrompt: "a face",
            drags: [Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 40, y: 24))], settings: settings,
            method: method)
    }

    private func disc(_ x: Double, _ y: Double, _ radius: Double, _ size: Size) -> EditMask {
        EditMask(
            size: size,
            values: MaskShape.union(
                [.circle(x: x, y: y, radius: radius)], width: size.width, height: size.height))
    }

    @Test(arguments: ["fastdrag", "regiondrag", "sdedrag"])
    func `each method edits a picture by regions, repeats itself and tells its cost`(_ name: String) throws {
        let method = try #require(DragMethods.named(name))
        let model = try starter()
        var request = try edit(by: method)
        request.drags[0].regions = RegionPair(
            from: disc(20, 20, 9, request.size), to: disc(40, 24, 9, request.size))
        var steps: [EditProgress.Stage: Set<Int>] = [:]
        let first = try DragEditor(model).edit(
            request, report: { steps[$0.stage, default: []].insert($0.total) })
        let second = try DragEditor(model).edit(request)
        #expect(first.image.values == second.image.values)
        #expect(first.record.handles.allSatisfy { $0.position == $0.target })
        #expect(first.record.outcome == .reached)
        #expect(relativeError(first.decoded, first.reconstruction) > 1e-3)
        #expect(first.fineTuningLosses.count == (name == "sdedrag" ? 1 : 0))
        #expect((steps[.inverting] != nil) == (name == "fastdrag"))
        #expect((steps[.sampling] != nil) == (name == "fastdrag"))
    }

    @Test func `each method's published settings are its default, whatever the preset`() throws {
        for name in ["fastdrag", "regiondrag", "sdedrag", "diffclip"] {
            let row = try #require(MethodRow.named(name))
            let method = try #require(DragMethods.named(name))
            let known = method.settingNames.union(EditSettings.stageSettingNames)
            for preset in Preset.allCases where preset != .quick {
                let settings = try preset.settings(of: row, model: [("warp", .number(1))])
                for (setting, value) in row.published {
                    #expect(known.contains(setting), "\(name) does not read \(setting)")
                    #expect(try Setting.named(setting).value(in: settings) == value, "\(name) \(setting)")
                }
                #expect(settings.warp == 0)
            }
        }
    }

    @Test func `published steps of FastDrag and RegionDrag take about 20 passes and no fine-tuning`() {
        func passes(_ method: any DragMethod, _ steps: Int, _ strength: Double) -> Int {
            var settings = EditSettings()
            (settings.stepCount, settings.inversionStrength) = (steps, strength)
            let cost = EditCost(settings, method, isStretched: false)
            #expect(cost.stages[.fineTuning]?.steps == 0)
            return [EditProgress.Stage.inverting, .dragging, .sampling]
                .reduce(0) { $0 + (cost.stages[$1]?.fixed.passes ?? 0) }
        }
        #expect(passes(FastDrag(), 10, 0.7) == 21)
        #expect(passes(RegionDrag(), 20, 0.5) == 20)
    }

    @Test func `what a method works on must be there`() throws {
        func code(_ name: String, _ change: (inout EditRequest) -> Void) throws -> String? {
            let model = try starter()
            var request = try edit(by: try #require(DragMethods.named(name)))
            change(&request)
            let failure = #expect(throws: Failure.self) { try DragEditor(model).edit(request) }
            return failure?.code
        }
        for name in ["fastdrag", "regiondrag", "sdedrag"] {
            #expect(try code(name) { $0.drags = [] } == "edit.no_drags")
        }
        #expect(try code("diffclip") { _ in } == "edit.no_text")
        #expect(try code("fastdrag") { _ in } == "edit.no_mask")
        #expect(try code("regiondrag") { _ in } == "edit.no_regions")
        #expect(try code("regiondrag") { $0.settings.autoMask = true } == "edit.no_regions")
    }

    @Test func `FastDrag takes the drags' surroundings, RegionDrag a given mask's parts`() throws {
        let model = try starter()
        var fast = try edit(by: FastDrag())
        fast.settings.autoMask = true
        #expect(try DragEditor(model).edit(fast).record.iterations[0].numbers["moved_cells"] ?? 0 > 10)
        var region = try edit(by: RegionDrag())
        region.mask = disc(30, 22, 16, region.size)
        let rows = try DragEditor(model).edit(region).record.iterations
        #expect(rows.allSatisfy { ($0.numbers["pasted_cells"] ?? 0) > 10 })
    }
}
