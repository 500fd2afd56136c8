import Diffusion
import DragEditing
import Failures
import Settings
import TensorCore
import Testing
import TestSupport

/// A stage memory that holds its entries in memory.
private final class Memory: StageMemory {
    var tuned: FineTuned?
    var path: [Tensor]?
    var edit: SampledEdit?
    /// Whether it remembers sampled edits too, as a cache does until their results are written.
    var keepsEdits = false

    func fineTuned() -> FineTuned? { tuned }
    func remember(_ result: FineTuned) { tuned = result }
    func inverted() -> [Tensor]? { path }
    func remember(path: [Tensor]) { self.path = path }
    func sampled() -> SampledEdit? { edit }
    func remember(_ result: SampledEdit) { if keepsEdits { edit = result } }
}

/// Remembered stages are skipped, and a budget ends the stages in time.
@Suite struct MemoryAndBudgetTests {
    private let model: DiffusionModel
    private let request: EditRequest

    init() throws {
        model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        let image = try workingPicture("starter/lora_training.png", model)
        var settings = EditSettings()
        settings.stepCount = 10
        settings.dragStepLimit = 12
        settings.reach = 0.001
        settings.fusion = .drag
        (settings.lora.steps, settings.lora.batch, settings.lora.rank) = (6, 1, 2)
        request = EditRequest(
            image: image, sourcePrompt: "a face",
            drags: [Drag(from: ImagePoint(x: 20, y: 20), to: ImagePoint(x: 40, y: 24))], settings: settings)
    }

    /// An edit by a clock that is a second later whenever it is looked at: a pass of the U-Net takes a second.
    private func edit(budget: Double?, memory: Memory? = nil) throws -> EditResult {
        var timed = request
        timed.settings.budget = budget
        var time = 0.0
        let editor = DragEditor(model) {
            time += 1
            return time
        }
        return try editor.edit(timed, memory: memory)
    }

    @Test func `an edit that failed after sampling goes on there, and gives the same values`() throws {
        let memory = Memory()
        memory.keepsEdits = true
        let first = try edit(budget: nil, memory: memory)
        let second = try edit(budget: nil, memory: memory)
        #expect(second.restored == [.fineTuning, .inverting, .dragging, .sampling])
        #expect(second.image.values == first.image.values)
        #expect(second.reconstruction.values == first.reconstruction.values)
        #expect(second.record.handles == first.record.handles)
        // A mask of other shape and a cut fine-tuning are no use of it.
        memory.edit = SampledEdit(
            edit: .zeros([1, 1, 1, 4]), reference: .zeros([1, 1, 1, 4]), record: first.record)
        #expect(try edit(budget: nil, memory: memory).restored == [.fineTuning, .inverting])
    }

    @Test func `what a budget cut short is not remembered`() throws {
        let memory = Memory()
        _ = try edit(budget: nil, memory: memory)
        memory.keepsEdits = true
        for budget in (20...58).reversed() {
            memory.edit = nil
            guard let result = try? edit(budget: Double(budget), memory: memory) else { continue }
            #expect((memory.edit == nil) == (result.record.outcome == .budget))
            if result.record.outcome == .budget { return }
        }
        Issue.record("no budget cut the drag short")
    }

    @Test func `a second edit restores fine-tuning and inversion, and gives the same values`() throws {
        let memory = Memory()
        let first = try edit(budget: nil, memory: memory)
        #expect(first.restored == [])
        #expect(memory.tuned?.losses.count == 6)
        #expect(memory.path?.count == 8)
        var stages: [EditProgress.Stage] = []
        let second = try DragEditor(model).edit(
            request, memory: memory, report: { if !$0.isRestored { stages.append($0.stage) } })
        #expect(second.restored == [.fineTuning, .inverting])
        #expect(!stages.contains(.fineTuning) && !stages.contains(.inverting) && stages.contains(.dragging))
        #expect(second.image.values == first.image.values)
        #expect(second.fineTuningLosses == first.fineTuningLosses)
        // The same without any memory.
        #expect(try edit(budget: nil).image.values == first.image.values)
    }

    /// The request by another method, with what each of them needs.
    private func request(by name: String) throws -> EditRequest {
        var request = request
        request.method = try #require(DragMethods.named(name))
        request.editPrompt = "a sad face"
        let size = Size(height: request.image.shape[1], width: request.image.shape[2])
        request.mask = EditMask.around(request.drags, size: size)
        request.settings = request.method.adjusted(request.settings)
        return request
    }

    @Test(arguments: [
        "clipdrag", "dragdiffusion", "gooddrag", "freedrag", "stabledrag", "regiondrag", "sdedrag",
        "diffclip",
    ])
    func `an edit that was stopped within its method goes on after inversion, and gives the same values`(
        _ name: String
    ) throws {
        struct Stop: Error {}
        let request = try request(by: name)
        let whole = try DragEditor(model).edit(request)
        #expect(whole.record.steps >= 2, "the stop lies within the method")
        let memory = Memory()
        memory.keepsEdits = true
        #expect(throws: Stop.self) {
            try DragEditor(model).edit(
                request, memory: memory, report: { if $0.stage == .dragging && $0.step == 2 { throw Stop() } }
            )
        }
        let again = try DragEditor(model).edit(request, memory: memory)
        let needs = request.method.needs(request.settings)
        #expect(
            again.restored
                == (needs.fineTuning ? [.fineTuning] : []) + (needs.inversion ? [.inverting] : []))
        #expect(again.image.values == whole.image.values)
        #expect(again.record.handles == whole.record.handles)
        #expect(again.record.iterations.map(\.numbers) == whole.record.iterations.map(\.numbers))
    }

    @Test func `an inversion that does not fit the request is not used`() throws {
        let memory = Memory()
        let first = try edit(budget: nil, memory: memory)
        memory.path = memory.path?.dropLast()
        let second = try edit(budget: nil, memory: memory)
        #expect(second.restored == [.fineTuning])
        #expect(second.image.values == first.image.values)
        #expect(memory.path?.count == 8)
    }

    @Test func `an ample budget changes nothing`() throws {
        let result = try edit(budget: 100_000)
        #expect(result.record.outcome == .maxSteps)
        #expect(result.fineTuningLosses.count == 6)
        #expect(try edit(budget: nil).image.values == result.image.values)
    }

    @Test
    func
        `a small budget shortens fine-tuning and drag, still gives a picture, and nothing shortened is remembered`()
        throws
    {
        let memory = Memory()
        // 7 steps: 3·7 + 24 passes are reserved, and a few readings of the clock go by on the way.
        let result = try edit(budget: 3 * 7 + 24 + 14, memory: memory)
        #expect(result.fineTuningLosses.count < 6)
        #expect(result.record.outcome == .budget)
        #expect(result.record.steps < 12)
        #expect(result.image.values.allSatisfy { $0.isFinite })
        #expect(memory.tuned == nil)
        #expect(memory.path == nil)
        // A path of the whole fine-tuning does not fit one that was cut short.
        _ = try edit(budget: nil, memory: memory)
        memory.tuned = nil
        #expect(try edit(budget: 3 * 7 + 24 + 14, memory: memory).restored == [])
    }

    @Test func `the drag starts no iteration that would end too late`() throws {
        var timed = request
        (timed.settings.budget, timed.settings.lora.steps) = (200, 0)
        var (time, end) = (0.0, 0.0)
        let editor = DragEditor(model) {
            time += 1
            return time
        }
        let result = try editor.edit(
            timed,
            report: {
                guard $0.stage == .dragging && $0.step > 0 else { return }
                time += 30
                end = time
            })
        #expect(result.record.outcome == .budget)
        #expect(result.record.steps > 2)
        #expect(end + 2 * 7 + 28 <= 200)
    }

    @Test func `a budget too small for inversion and sampling is an error before the first stage`() throws {
        let error = #expect(throws: Failure.self) { try edit(budget: 20) }
        #expect(error?.code == "edit.budget")
        #expect(error?.message.contains("20 s") == true)
        #expect(error?.hint.contains("budget") == true)
    }

    @Test func `a budget counts the second inversion of a drag that starts from a stretched picture`() throws
    {
        var warped = request
        warped.settings.warp = 1
        // Room for one inversion, not for two.
        warped.settings.budget = 3 * 7 + 28 + 6
        var time = 0.0
        let editor = DragEditor(model) {
            time += 1
            return time
        }
        #expect(throws: Failure.self) { try editor.edit(warped) }
        warped.settings.warp = 0
        time = 0
        #expect(try editor.edit(warped).record.outcome == .budget)
    }

    @Test func `remembered stages leave more of the budget to the drag`() throws {
        let memory = Memory()
        _ = try edit(budget: nil, memory: memory)
        let result = try edit(budget: 2 * 7 + 24 + 20, memory: memory)
        #expect(result.restored == [.fineTuning, .inverting])
        #expect(result.record.steps > 0)
    }

    @Test func `a forecast counts the steps of every stage and leaves out known stages`() throws {
        let pace = EditPace(
            pass: 1, decode: 10, fineTuningStep: 9, dragStep: 35, fineTuningMemory: 300, dragMemory: 200)
        var settings = request.settings
        (settings.stepCount, settings.inversionStrength, settings.dragStepLimit) = (10, 0.7, 4)
        settings.lora.steps = 6
        func forecast(
            _ settings: EditSettings, without known: Set<EditProgress.Stage> = []
        ) -> EditPace.Forecast {
            let cost = EditCost(settings, CLIPDrag(), isStretched: settings.stretches(request.drags))
            return pace.forecast(cost, budget: settings.budget, without: known)
        }
        let plain = forecast(settings)
        #expect(
            plain.stages == [.fineTuning: 54, .inverting: 7, .dragging: 140, .sampling: 14, .judging: 32])
        #expect(plain.memory == 300)
        let begun = forecast(settings, without: [.fineTuning, .inverting])
        #expect(begun.stages == [.dragging: 140, .sampling: 14, .judging: 32])
        #expect(begun.memory == 200)
        settings.warp = 1
        let warped = forecast(settings, without: [.fineTuning, .inverting])
        #expect(warped.stages == [.dragging: 7 + 140, .sampling: 14, .judging: 32])
        settings.warp = 0
        settings.budget = 60
        #expect(abs(forecast(settings, without: [.fineTuning, .inverting]).seconds - 60) < 1e-9)
        settings.lora.steps = 0
        #expect(forecast(settings).memory == 200)
    }

    @Test func `the forecast rounds half a step to even, as the edit itself does`() {
        let pace = EditPace(
            pass: 1, decode: 10, fineTuningStep: 9, dragStep: 35, fineTuningMemory: 300, dragMemory: 200)
        var settings = request.settings
        for (strength, steps) in [(0.25, 2), (0.35, 4), (0.45, 4)] {
            (settings.stepCount, settings.inversionStrength) = (10, strength)
            let forecast = pace.forecast(
                EditCost(settings, CLIPDrag(), isStretched: false), budget: nil)
            #expect(forecast.stages[.inverting] == Double(steps))
            #expect(settings.invertedStepCount == steps)
        }
    }

    @Test func `a stretched drag counts a second inversion, and a stretch without drags counts none`() {
        var settings = request.settings
        settings.warp = 1
        #expect(settings.stretches(request.drags) && !settings.stretches([]))
        let cost = EditCost(settings, CLIPDrag(), isStretched: true)
        #expect(cost.stages[.dragging]?.fixed == Work(passes: 7))
    }

    @Test
    func `a calibration with a clock that advances a second per reading measures a second for every figure`()
        throws
    {
        var (time, bytes) = (0.0, 0)
        let pace = try EditPace(
            measuring: model, latent: Size(height: 8, width: 12), settings: request.settings,
            method: CLIPDrag(),
            now: {
                time += 1
                return time
            },
            peak: {
                bytes += 10
                return bytes
            })
        #expect(
            pace
                == EditPace(
                    pass: 1, decode: 1, fineTuningStep: 1, dragStep: 1, fineTuningMemory: 20,
                    dragMemory: 10))
    }
}
