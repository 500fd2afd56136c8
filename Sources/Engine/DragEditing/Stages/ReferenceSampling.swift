import Diffusion
import Settings
import TensorCore

/// Sampling under reference control (docs/algorithm.md section 4): reference and edit are denoised side by side.
/// From `firstLayer` on the edit's self-attention reads the reference's keys and values, which keeps what was not
/// dragged.
public struct ReferenceSampling {
    private let model: DiffusionModel
    private let inversion: Inversion
    private let settings: EditSettings

    /// Sampling back along an inversion's timesteps.
    public init(_ model: DiffusionModel, _ inversion: Inversion, _ settings: EditSettings) {
        self.model = model
        self.inversion = inversion
        self.settings = settings
    }

    /// First layer under control: as set, or the last ⌊3n/8⌋ of n (16 → layer 10).
    public var firstLayer: Int {
        let count = model.unet.selfAttentionLayerCount
        return settings.controlStartLayer >= 0 ? settings.controlStartLayer : count - 3 * count / 8
    }

    /// Both latents at the end, `(1, h, w, 4)` each.
    ///
    /// With `wish` and `text_sampling` g the edit follows ε(P_o) + g · (ε(P_e) − ε(P_o)) (classifier-free guidance from P_o to
    /// P_e; ours). Reference control would hold back what the text changes, so it then begins after the part
    /// `text_freedom` of the steps.
    ///
    /// - Parameters:
    ///   - text: states of P_o, `(1, tokens, width)`.
    ///   - wish: states of P_e; nil: the edit prompt does not guide the sampling.
    ///   - first: the steps before this one are done.
    public func sample(
        reference: Tensor, edit: Tensor, text: Tensor, wish: Tensor? = nil, from first: Int = 0,
        report: (Int) throws -> Void
    ) rethrows -> (edit: Tensor, reference: Tensor) {
        let control = ReferenceControl(firstLayer: firstLayer)
        let stride = model.schedule.stride(stepCount: settings.stepCount)
        let texts = wish.map { Tensor.stacked([text, text, $0]) } ?? text
        let steps = inversion.timesteps.count
        let freeSteps = wish == nil ? 0 : Int((settings.textFreedom * Double(steps)).rounded())
        var (reference, edit) = (reference, edit)
        for (k, t) in inversion.timesteps.reversed().enumerated() where k >= first {
            let isControlled = k >= max(settings.controlStartStep, freeSteps)
            let noise = model.unet(
                Variable(.stacked(wish == nil ? [reference, edit] : [reference, edit, edit])),
                timesteps: [t], text: texts, control: isControlled ? control : nil
            ).noise.value
            var editNoise = noise.sample(1)
            if wish != nil {
                editNoise = editNoise + Float(settings.textSampling) * (noise.sample(2) - editNoise)
            }
            let stepped = model.schedule.step(
                .stacked([noise.sample(0), editNoise]), sample: .stacked([reference, edit]),
                from: model.schedule.alphaBar(t), to: model.schedule.alphaBar(t - stride))
            (reference, edit) = (stepped.sample(0), stepped.sample(1))
            try report(k + 1)
        }
        return (edit, reference)
    }
}
