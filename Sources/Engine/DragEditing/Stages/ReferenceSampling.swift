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
    /// `text_freedom` of the steps. With `text_area` below 1, a second edit without P_e is sampled under reference control, and
    /// outside the cells that P_e changes most the first takes the second's values after every step.
    ///
    /// - Parameters:
    ///   - text: states of P_o, `(1, tokens, width)`.
    ///   - wish: states of P_e; nil: the edit prompt does not guide the sampling.
    ///   - first: the steps before this one are done.
    public func sample(
        reference: Tensor, edit: Tensor, text: Tensor, wish: Tensor? = nil, from first: Int = 0,
        report: (Int) throws -> Void
    ) rethrows -> (edit: Tensor, reference: Tensor) {
        let stride = model.schedule.stride(stepCount: settings.stepCount)
        let steps = inversion.timesteps.count
        let freeSteps = wish == nil ? 0 : Int((settings.textFreedom * Double(steps)).rounded())
        let isLimited = wish != nil && settings.textArea < 1
        var area = StrongestCells(settings.textArea)
        var (reference, edit, plain) = (reference, edit, edit)
        for (k, t) in inversion.timesteps.reversed().enumerated() where k >= first {
            let isControlled = k >= settings.controlStartStep
            let noise = noise(
                reference, edit, plain: isLimited ? plain : nil, text, wish, t, isControlled: isControlled,
                isFree: k < freeSteps)
            let latents = isLimited ? [reference, edit, plain] : [reference, edit]
            let stepped = model.schedule.step(
                .stacked([noise.reference, noise.edit] + (noise.plain.map { [$0] } ?? [])),
                sample: .stacked(latents),
                from: model.schedule.alphaBar(t), to: model.schedule.alphaBar(t - stride))
            (reference, edit) = (stepped.sample(0), stepped.sample(1))
            if isLimited, let change = noise.change {
                plain = stepped.sample(2)
                edit = area.blended(edit, plain, afterSeeing: change)
            }
            try report(k + 1)
        }
        return (edit, reference)
    }

    /// The noise of one step.
    private struct Noise {
        var reference, edit: Tensor
        /// Of the edit without P_e.
        var plain: Tensor?
        /// ε(P_e) − ε(P_o).
        var change: Tensor?
    }

    /// - Parameters:
    ///   - plain: the edit without P_e, where one is sampled too.
    ///   - isFree: whether the guided edit goes without reference control.
    private func noise(
        _ reference: Tensor, _ edit: Tensor, plain: Tensor?, _ text: Tensor, _ wish: Tensor?, _ t: Timestep,
        isControlled: Bool, isFree: Bool
    ) -> Noise {
        let control = isControlled ? ReferenceControl(firstLayer: firstLayer) : nil
        func pass(_ latents: [Tensor], _ texts: [Tensor], _ control: ReferenceControl?) -> Tensor {
            let states = texts.count == 1 ? texts[0] : .stacked(texts)
            return model.unet(Variable(.stacked(latents)), timesteps: [t], text: states, control: control)
                .noise.value
        }
        guard let wish else {
            let found = pass([reference, edit], [text], control)
            return Noise(reference: found.sample(0), edit: found.sample(1))
        }
        guard let plain else {
            let found = pass([reference, edit, edit], [text, text, wish], isFree ? nil : control)
            let change = found.sample(2) - found.sample(1)
            return Noise(
                reference: found.sample(0), edit: found.sample(1) + Float(settings.textSampling) * change,
                change: change)
        }
        // Control counts for a whole batch, so a guided edit without it has a batch of its own.
        let held =
            isFree
            ? pass([reference, plain], [text], control)
            : pass([reference, plain, edit, edit], [text, text, text, wish], control)
        let guided = isFree ? pass([edit, edit], [text, wish], nil) : held
        let first = isFree ? 0 : 2
        let change = guided.sample(first + 1) - guided.sample(first)
        return Noise(
            reference: held.sample(0), edit: guided.sample(first) + Float(settings.textSampling) * change,
            plain: held.sample(1), change: change)
    }
}
