import Diffusion
import Foundation
import Settings
import TensorCore
import Testing
import TestSupport

@testable import DragEditing

/// The parts of the methods that CLIPDrag's loop does not have.
@Suite struct GradientMethodTests {
    private let f0, f1: FeatureMap
    private let handle = HandlePoint(
        position: GridCell(row: 14, column: 15), start: GridCell(row: 14, column: 15),
        target: GridCell(row: 20, column: 25))

    init() throws {
        let file = try Fixtures.tensors("drag_units.safetensors")
        let grid = Size(height: 30, width: 34)
        f0 = FeatureMap(try file.image("f0"), grid: grid)
        f1 = FeatureMap(try file.image("f1"), grid: grid)
    }

    @Test func `FreeDrag's loss has the gradient that finite differences give`() {
        var template = FeatureTemplate(handle, radius: 2, in: f0)
        template.place = GridPlace(row: 15.3, column: 16.8)
        let gradient = FeatureTemplate.loss(of: [template], in: f1).gradient
        var generator = SeededGenerator(seed: 7)
        let direction = generator.normal(f1.features.shape)
        func loss(_ h: Float) -> Double {
            let moved = FeatureMap(.combination(1, f1.features, h, direction), grid: f1.size)
            return FeatureTemplate.loss(of: [template], in: moved).losses[0]
        }
        let expected = (loss(1e-3) - loss(-1e-3)) / 2e-3
        #expect(abs(gradient.dot(direction) - expected) < 0.02 * abs(expected))
    }

    @Test
    func `a template goes on where it fits, stays where it gets better, and steps back where it gets worse`()
    {
        var template = FeatureTemplate(handle, radius: 1, in: f0)
        let search = LineSearch(expected: 0.6, reachable: 3)
        let start = GridPlace(handle.position)
        // It begins with losses of 0: it fits.
        let ahead = search.next(template, in: f0)
        #expect(ahead.distance(to: template.target) < start.distance(to: template.target))
        #expect(ahead.distance(to: start) <= 3 + 1e-9)

        // The features there are others: what it adapts by is larger than half of 0.6 l.
        template.place = ahead
        template.lossBefore = 100
        template.adapt(to: f1, search: search, reach: 2)
        #expect(template.lossAfter > search.enough && !template.hasArrived)
        #expect(search.next(template, in: f1) == ahead)

        template.lossBefore = 0
        let other = search.next(template, in: f1)
        let back = ahead.moved(-3 / ahead.distance(to: template.target), towards: template.target)
        #expect(other != ahead)
        #expect(other.distance(to: back) <= 6 + 1e-6)
        let least = template.difference(at: other, in: f1)
        let end = back.moved(6 / back.distance(to: template.target), towards: template.target)
        for j in 1...10 {
            #expect(template.difference(at: back.moved(Double(j) / 10, towards: end), in: f1) >= least - 1e-6)
        }
    }

    @Test func `a template gives way by half at 0.2 l and by a tenth at 0.8 l, and wholly at its target`() {
        let search = LineSearch(expected: 2, reachable: 5)
        #expect(abs(search.adaptation(0.4) - 0.5) < 1e-12)
        #expect(abs(search.adaptation(1.6) - 0.1) < 1e-12)
        var template = FeatureTemplate(handle, radius: 1, in: f0)
        template.place = template.target
        template.adapt(to: f1, search: LineSearch(expected: 100, reachable: 5), reach: 2)
        #expect(template.hasArrived)
        #expect(template.difference(at: template.target, in: f1) == 0)
    }

    @Test
    func
        `StableDrag's filter answers 1 at its handle, and learns to leave out what the surroundings have too`()
    {
        // Everything has the first channel; the handle and its neighbours also have the second.
        let size = Size(height: 30, width: 34)
        var values: [Float] = []
        for row in 0..<size.height {
            for column in 0..<size.width {
                let isNear = GridCell(row: row, column: column).distance(to: handle.start) <= 2
                values += [1, isNear ? 1 : 0]
            }
        }
        let map = FeatureMap(Tensor([1, size.height, size.width, 2], values), grid: size)
        func filter(_ steps: Int) -> HandleFilter {
            HandleFilter(at: handle.start, in: map, radius: 3, steps: steps)
        }
        #expect(abs(filter(0).score([1, 0], share: 1) - 0.5.squareRoot()) < 1e-6)
        #expect(abs(filter(10).score([1, 0], share: 1)) < 0.1)
        for steps in [0, 10] {
            for share in [0, 0.5, 1] {
                #expect(abs(filter(steps).score([1, 1], share: share) - 1) < 1e-9)
            }
        }
    }

    @Test func `StableDrag supervises with the source's features where its confidence is low`() {
        var settings = EditSettings()
        (settings.confidence, settings.filterSteps) = (1, 5)
        var handles = [handle]
        for threshold in [0.0, 1.0] {
            settings.confidence = threshold
            var tracking = ConfidentTracking(settings, radius: 3)
            tracking.begin(f0, handles)
            #expect(tracking.templates == [.current])
            tracking.track(&handles, in: f1, from: f0)
            #expect(tracking.templates == [threshold == 0 ? .current : .start])
            #expect((tracking.numbers["confidence"] ?? 2) < 1)
        }
    }

    @Test func `a measured run of one step is priced without what it computes besides the step`() {
        let pace = EditPace(
            pass: 2, decode: 5, fineTuningStep: 0, dragStep: 0, fineTuningMemory: 0, dragMemory: 0)
        let settings = EditSettings()
        #expect(pace.stepSeconds(of: 9, GoodDrag().cost(settings)) == 5)
        #expect(pace.stepSeconds(of: 9, FreeDrag().cost(settings)) == 5)
        #expect(pace.stepSeconds(of: 3, FreeDrag().cost(settings)) == 2)
        #expect(pace.stepSeconds(of: 9, CLIPDrag().cost(settings)) == 9)
    }

    @Test func `GoodDrag does as many steps as its timesteps allow, and no more than max_steps`() throws {
        var settings = try Preset.paper.settings(of: try #require(MethodRow.named("gooddrag")))
        #expect(GoodDrag().cost(settings).steps == 210)
        settings.dragTimesteps = 2
        #expect(GoodDrag().cost(settings).steps == 60)
        settings.dragStepLimit = 7
        #expect(GoodDrag().cost(settings).steps == 7)
    }

    @Test(arguments: DragMethods.all.compactMap { ($0 as? any GradientMethod)?.name })
    func `a budget ends every gradient method early, with a finite picture`(_ name: String) throws {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        let row = try #require(MethodRow.named(name))
        var settings = try Preset.recommended.settings(of: row)
        (settings.stepCount, settings.dragStepLimit, settings.reach) = (10, 12, 0.001)
        (settings.fusion, settings.lora.steps, settings.featureLoss) = (.drag, 0, 0.001)
        settings.budget = 75
        let request = EditRequest(
            image: try workingPicture("starter/lora_training.png", model), sourcePrompt: "a face",
            drags: [Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 40, y: 24))], settings: settings,
            method: try #require(DragMethods.named(name)))
        var time = 0.0
        let editor = DragEditor(model) {
            time += 1
            return time
        }
        let result = try editor.edit(
            request,
            report: {
                if $0.stage == .dragging && $0.step > 0 { time += 8 }
            })
        #expect(result.record.outcome == .budget)
        #expect(result.record.steps > 0 && result.record.steps < 12)
        #expect(result.image.values.allSatisfy { $0.isFinite })
        #expect(result.record.previews.count == result.record.steps)
    }
}
