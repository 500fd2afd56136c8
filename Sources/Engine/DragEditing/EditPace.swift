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

    /// Measures a model: every figure once, after one pass that only warms up; of a step of fine-tuning one part of its batch.
    ///
    /// - Parameters:
    ///   - size: of the latent.
    ///   - settings: what a step is.
    ///   - now: the seconds of a clock.
    ///   - peak: the process's largest size so far, bytes: what came before the steps is part of an edit too.
    /// - Throws: what the steps throw: nothing that depends on values.
    public init(
        measuring model: DiffusionModel, latent size: Size, settings: EditSettings,
        now: () -> Double = monotonicSeconds, peak: () -> Int
    ) throws {
        var oneStep = settings
        oneStep.dragStepLimit = 1
        // A batch is taken in parts that cost the same: one of them tells the whole step's time, and its memory.
        oneStep.lora.batch = FineTuning.samplesAtOnce(size, of: settings.lora.batch)
        let steps = Benchmark(model, latent: size, pairs: 1, settings: oneStep)
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
        dragStep = try seconds { try steps.perform(.dragIteration) }
        dragMemory = peak()
        fineTuningStep =
            try seconds { try steps.perform(.loraStep) } * Double(settings.lora.batch)
            / Double(oneStep.lora.batch)
        fineTuningMemory = peak()
        releaseIdleMemory()
    }

    /// The settings that decide what a step is: a pace holds for those that have the same.
    public static func key(_ settings: EditSettings) -> String {
        "\(settings.lora.batch) \(settings.lora.rank) \(settings.fusion == .drag) \(settings.guidanceDecoder) \(settings.featureBlock)"
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

    /// Forecasts an edit that does every step its settings allow; a `budget` cuts it.
    ///
    /// - Parameter known: stages that are restored, or not done.
    public func forecast(_ settings: EditSettings, without known: Set<EditProgress.Stage> = []) -> Forecast {
        let steps = max(1, (settings.inversionStrength * Double(settings.stepCount)).rounded())
        var stages: [EditProgress.Stage: Double] = [
            .fineTuning: Double(settings.lora.steps) * fineTuningStep,
            .inverting: steps * pass,
            .dragging: (settings.warp > 0 ? steps * pass : 0) + Double(settings.dragStepLimit) * dragStep,
            .sampling: steps * 2 * pass,
            .judging: 8 * pass + 2 * decode,
        ]
        for stage in known { stages[stage] = nil }
        if let budget = settings.budget {
            let excess = stages.values.reduce(0, +) - budget
            let cuttable = (stages[.fineTuning] ?? 0) + (stages[.dragging] ?? 0)
            if excess > 0 && cuttable > 0 {
                let kept = max(0, 1 - excess / cuttable)
                for stage in [EditProgress.Stage.fineTuning, .dragging] { stages[stage]? *= kept }
            }
        }
        let isFineTuning = !known.contains(.fineTuning) && settings.lora.steps > 0
        return Forecast(stages: stages, memory: max(dragMemory, isFineTuning ? fineTuningMemory : 0))
    }
}
