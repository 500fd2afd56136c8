import Diffusion
import Settings
import TensorCore

/// How fast a model runs on this machine: a short calibration, from which an edit's time is forecast.
public struct EditPace: Sendable, Equatable {
    /// Seconds of one pass of the U-Net, and of decoding one picture.
    public var pass, decode: Double
    /// Seconds of a step of fine-tuning, and of one of the drag loop.
    public var fineTuningStep, dragStep: Double
    /// Bytes of the process at most when it fine-tunes, and when it only drags.
    public var fineTuningMemory, dragMemory: Int

    /// Known figures.
    public init(
        pass: Double, decode: Double, fineTuningStep: Double, dragStep: Double, fineTuningMemory: Int,
        dragMemory: Int
    ) {
        self.pass = pass
        self.decode = decode
        self.fineTuningStep = fineTuningStep
        self.dragStep = dragStep
        self.fineTuningMemory = fineTuningMemory
        self.dragMemory = dragMemory
    }

    /// Estimates from one pass alone. What has not been measured is priced generously, because a budget reserves time by
    /// it: a pull-back as a pass, a decoding as eight.
    init(estimatingFrom pass: Double, _ cost: EditCost) {
        self.init(
            pass: pass, decode: 8 * pass, fineTuningStep: 0, dragStep: 0, fineTuningMemory: 0, dragMemory: 0)
        fineTuningStep = seconds(cost.stages[.fineTuning]?.step ?? Work())
        dragStep = seconds(cost.stages[.dragging]?.step ?? Work())
    }

    /// Measures a model: every figure once, after one pass that only warms up; of a step of fine-tuning one part of its batch.
    ///
    /// - Parameters:
    ///   - size: of the latent.
    ///   - settings: what a step is.
    ///   - method: whose step is measured.
    ///   - now: the seconds of a clock.
    ///   - peak: the process's largest size so far, bytes: what came before the steps is part of an edit too.
    /// - Throws: what the steps throw: nothing that depends on values.
    public init(
        measuring model: DiffusionModel, latent size: Size, settings: EditSettings, method: any DragMethod,
        now: () -> Double = monotonicSeconds, peak: () -> Int
    ) throws {
        var oneStep = settings
        oneStep.dragStepLimit = 1
        // A batch is taken in parts that cost the same: one of them tells the whole step's time, and its memory.
        oneStep.lora.batch = FineTuning.samplesAtOnce(size, of: settings.lora.batch)
        let steps = Benchmark(model, latent: size, pairs: 1, settings: oneStep, method: method)
        func seconds(_ work: () throws -> Void) rethrows -> Double {
            let begun = now()
            try work()
            return now() - begun
        }
        releaseIdleMemory()
        try steps.perform(.unetForward)
        pass = try seconds { try steps.perform(.unetForward) }
        let latent = Tensor.zeros([1, size.height, size.width, model.vae.latentChannels])
        decode = seconds { _ = model.decode(Variable(latent)) }
        let drag = method.cost(oneStep)
        dragStep = 0
        if drag.isTimed { dragStep = try seconds { try steps.perform(.dragIteration) } }
        dragMemory = peak()
        fineTuningStep =
            try seconds { try steps.perform(.loraStep) } * Double(settings.lora.batch)
            / Double(oneStep.lora.batch)
        fineTuningMemory = peak()
        dragStep = drag.isTimed ? stepSeconds(of: dragStep, drag) : self.seconds(drag.step)
        releaseIdleMemory()
    }

    /// Names the method and the settings that decide what a step is: a pace holds for those that have the same.
    public static func key(_ settings: EditSettings, _ method: any DragMethod) -> String {
        let names = Set(["lora.batch", "lora.rank"] + method.cost(settings).stepSettingNames)
        let values = settings.values.filter { names.contains($0.name) }.map { "\($0.name)=\($0.value)" }
        return ([method.name] + values).joined(separator: " ")
    }

    /// Seconds of a step, from those of a run of one step; a step takes a pass at least.
    func stepSeconds(of run: Double, _ cost: MethodCost) -> Double {
        cost.fixed == Work() ? run : max(run - seconds(cost.fixed), pass)
    }

    /// Seconds that work takes.
    func seconds(_ work: Work) -> Double {
        Double(work.passes + work.pullBacks) * pass + Double(work.decodes) * decode
    }

    /// Seconds and bytes that an edit takes.
    public struct Forecast: Sendable, Equatable {
        /// Seconds of every stage; the drag's are the most it may take.
        public var stages: [EditProgress.Stage: Double]
        /// Bytes of the process at most.
        public var memory: Int
        /// Seconds of all stages.
        public var seconds: Double { stages.values.reduce(0, +) }
    }

    /// Forecasts an edit that does every step its settings allow; a budget cuts it.
    ///
    /// - Parameters:
    ///   - budget: seconds; nil: as long as it takes.
    ///   - known: stages that are restored, or not done.
    public func forecast(
        _ cost: EditCost, budget: Double?, without known: Set<EditProgress.Stage> = []
    ) -> Forecast {
        let stepSeconds: [EditProgress.Stage: Double] = [.fineTuning: fineTuningStep, .dragging: dragStep]
        var stages: [EditProgress.Stage: Double] = [:]
        for (stage, work) in cost.stages where !known.contains(stage) {
            stages[stage] = seconds(work.fixed) + Double(work.steps) * (stepSeconds[stage] ?? 0)
        }
        if let budget {
            let excess = stages.values.reduce(0, +) - budget
            let cuttable = (stages[.fineTuning] ?? 0) + (stages[.dragging] ?? 0)
            if excess > 0 && cuttable > 0 {
                let kept = max(0, 1 - excess / cuttable)
                for stage in [EditProgress.Stage.fineTuning, .dragging] { stages[stage]? *= kept }
            }
        }
        let isFineTuning = !known.contains(.fineTuning) && (cost.stages[.fineTuning]?.steps ?? 0) > 0
        return Forecast(stages: stages, memory: max(dragMemory, isFineTuning ? fineTuningMemory : 0))
    }
}
