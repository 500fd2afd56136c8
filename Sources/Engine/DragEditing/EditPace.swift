import Diffusion
import TensorCore

/// How fast a model runs on this machine: a short calibration, from which an edit's time is forecast.
public struct EditPace: Sendable, Equatable {
    /// Seconds of one pass of the U-Net, and of one with its gradient to the latent.
    public var pass, passAndBack: Double
    /// Seconds of decoding one picture, and of decoding with the gradient to its latent.
    public var decode, decodeAndBack: Double
    /// Bytes that a pass, or a decoding, keeps for its gradient.
    public var passMemory, decodeMemory: Int

    /// Known figures.
    public init(
        pass: Double, passAndBack: Double, decode: Double, decodeAndBack: Double, passMemory: Int,
        decodeMemory: Int
    ) {
        self.pass = pass
        self.passAndBack = passAndBack
        self.decode = decode
        self.decodeAndBack = decodeAndBack
        self.passMemory = passMemory
        self.decodeMemory = decodeMemory
    }

    /// Measures a model: every figure once, after one pass that only warms up.
    ///
    /// - Parameters:
    ///   - size: of the latent.
    ///   - now: the seconds of a clock.
    ///   - peak: the process's largest size so far, bytes.
    public init(
        measuring model: DiffusionModel, latent size: Size, now: () -> Double = monotonicSeconds,
        peak: () -> Int
    ) {
        let latent = Tensor.zeros([1, size.height, size.width, model.vae.latentChannels])
        let text = model.textStates("")
        func seconds(_ work: () -> Void) -> Double {
            let begun = now()
            work()
            return now() - begun
        }
        func run(_ z: Variable) -> Variable { model.unet(z, timesteps: [1], text: text).noise }
        func pullBack(_ network: (Variable) -> Variable) {
            let leaf = Variable(trainable: latent)
            let output = network(leaf)
            _ = gradients(of: [(output, output.value)], withRespectTo: [leaf])
        }
        _ = run(Variable(latent))
        pass = seconds { _ = run(Variable(latent)) }
        decode = seconds { _ = model.decode(Variable(latent)) }
        let idle = peak()
        passAndBack = seconds { pullBack(run) }
        let afterPass = peak()
        decodeAndBack = seconds { pullBack(model.decode) }
        (passMemory, decodeMemory) = (max(0, afterPass - idle), max(0, peak() - idle))
    }

    /// Seconds and bytes that an edit takes.
    public struct Forecast: Sendable, Equatable {
        /// Seconds of every stage; the drag's are the most it may take.
        public var stages: [EditProgress.Stage: Double]
        /// Bytes that it needs beside those that are in use already.
        public var memory: Int
        /// Seconds of all stages.
        public var seconds: Double { stages.values.reduce(0, +) }
    }

    /// Forecasts an edit that does every step its settings allow; a `budget` cuts it.
    ///
    /// - Parameter known: stages that are restored, or not done.
    public func forecast(_ settings: EditSettings, without known: Set<EditProgress.Stage> = []) -> Forecast {
        let steps = max(1, (settings.inversionStrength * Double(settings.stepCount)).rounded())
        let back = passAndBack - pass
        let isGuided = settings.fusion != .drag
        var stages: [EditProgress.Stage: Double] = [
            // One cotangent goes back for fine-tuning; two, the drag's and the text's, for a guided drag.
            .fineTuning: Double(settings.lora.steps * settings.lora.batch) * passAndBack,
            .inverting: steps * pass,
            .dragging: (settings.warp > 0 ? steps * pass : 0)
                + Double(settings.dragStepLimit) * (passAndBack + (isGuided ? back + decodeAndBack : 0)),
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
        let fineTuning = known.contains(.fineTuning) || settings.lora.steps == 0 ? 0 : settings.lora.batch
        return Forecast(
            stages: stages,
            memory: max(fineTuning * passMemory, passMemory, isGuided ? passMemory + decodeMemory : 0))
    }
}
