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
    public func sample(
        reference: Tensor, edit: Tensor, text: Tensor, report: (Int) throws -> Void
    ) rethrows -> (edit: Tensor, reference: Tensor) {
        let control = ReferenceControl(firstLayer: firstLayer)
        let stride = model.schedule.stride(stepCount: settings.stepCount)
        var pair = Tensor.stacked([reference, edit])
        for (k, t) in inversion.timesteps.reversed().enumerated() {
            let output = model.unet(
                Variable(pair), timesteps: [t], text: text,
                control: k >= settings.controlStartStep ? control : nil)
            pair = model.schedule.step(
                output.noise.value, sample: pair, from: model.schedule.alphaBar(t),
                to: model.schedule.alphaBar(t - stride))
            try report(k + 1)
        }
        return (pair.sample(1), pair.sample(0))
    }
}
