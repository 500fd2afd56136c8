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

    /// Denoises reference and edit, both by P_o.
    ///
    /// - Parameters:
    ///   - text: states of P_o, `(1, tokens, width)`.
    ///   - first: the steps before this one are done.
    public func sample(
        reference: Tensor, edit: Tensor, text: Tensor, from first: Int = 0, report: (Int) throws -> Void
    ) rethrows -> SampledPath {
        var path = SampledPath(reference: [reference], edit: [edit])
        for (k, t) in timesteps(from: first) {
            let latents = Tensor.stacked([path.reference[k - first], path.edit[k - first]])
            let stepped = step(latents, noise(latents, text, t, control(at: k)), t)
            path.reference.append(stepped.sample(0))
            path.edit.append(stepped.sample(1))
            try report(k + 1)
        }
        return path
    }

    /// Denoises the edit towards P_e (ours) by classifier-free guidance: it follows ε(B) + w · (ε(P_e) − ε(B)). The baseline B
    /// is P_o where the layout is free, and the empty prompt otherwise; w is `text_sampling` times the layout's `strength`.
    ///
    /// - Parameters:
    ///   - path: of reference and edit without P_e.
    ///   - layout: what becomes of the edit's layout. A free one is not under reference control in the part `text_freedom` of the
    ///     steps, because that would hold back what the text changes, and after every step the edit takes the values of the
    ///     edit without P_e outside the cells that P_e changes most (`text_area`). A kept one is that of the edit
    ///     without P_e (`ReferenceControl.Part`). A redrawn one has no control at all.
    ///   - start: the latent to begin with, `(1, h, w, 4)`.
    ///   - first: the step that the path begins with.
    /// - Returns: the latent at the end, `(1, h, w, 4)`.
    public func guided(
        beside path: SampledPath, by texts: GuidingTexts, _ layout: EditRecord.Guidance.Layout,
        beginning start: Tensor,
        from first: Int = 0, report: (Int) throws -> Void
    ) rethrows -> (latent: Tensor, cells: [Int]?) {
        let baseline = layout == .free ? texts.own : texts.empty
        let strength = Float(settings.textSampling * layout.strength)
        var area = StrongestCells(layout == .free ? settings.textArea : 1)
        var edit = start
        for (k, t) in timesteps(from: first) {
            let control = control(of: layout, at: k)
            let shown = layout == .kept ? path.edit[k - first] : path.reference[k - first]
            // Without control what is shown has no part in the pass.
            let others = control == nil ? [] : [shown]
            let found = noise(
                .stacked(others + [edit, edit]),
                .stacked(others.map { _ in texts.own } + [baseline, texts.wish]), t, control)
            let plain = found.sample(others.count)
            let change = found.sample(others.count + 1) - plain
            let stepped = step(edit, plain + strength * change, t)
            edit = area.blended(stepped, path.edit[k - first + 1], afterSeeing: change)
            try report(k + 1)
        }
        return (edit, area.cells)
    }

    private func control(of layout: EditRecord.Guidance.Layout, at k: Int) -> ReferenceControl? {
        switch layout {
        case .free:
            let freeSteps = Int((settings.textFreedom * Double(inversion.timesteps.count)).rounded())
            return k < freeSteps ? nil : control(at: k)
        case .kept: return ReferenceControl(firstLayer: 0, of: .layout)
        case .redrawn: return nil
        }
    }

    /// The steps of sampling with their timesteps.
    private func timesteps(from first: Int) -> [(k: Int, t: Timestep)] {
        inversion.timesteps.reversed().enumerated().dropFirst(first).map { ($0.offset, $0.element) }
    }

    private func control(at k: Int) -> ReferenceControl? {
        k >= settings.controlStartStep ? ReferenceControl(firstLayer: firstLayer) : nil
    }

    private func noise(_ latents: Tensor, _ text: Tensor, _ t: Timestep, _ control: ReferenceControl?)
        -> Tensor
    {
        model.unet(Variable(latents), timesteps: [t], text: text, control: control).noise.value
    }

    /// A step of DDIM, η = 0.
    private func step(_ latents: Tensor, _ noise: Tensor, _ t: Timestep) -> Tensor {
        let stride = model.schedule.stride(stepCount: settings.stepCount)
        return model.schedule.step(
            noise, sample: latents, from: model.schedule.alphaBar(t), to: model.schedule.alphaBar(t - stride))
    }
}

extension EditRecord.Guidance.Layout {
    /// The weight of P_e as a multiple of `text_sampling` (calibration.md). A layout that holds the edit less takes more.
    fileprivate var strength: Double {
        switch self {
        case .free: 1
        case .kept: 4.0 / 3
        case .redrawn: 2
        }
    }
}

/// States of the texts that guide a sampling towards P_e, `(1, tokens, width)` each.
public struct GuidingTexts {
    /// Of P_o, P_e and the empty prompt.
    let own, wish, empty: Tensor

    /// Gathers the three.
    public init(own: Tensor, wish: Tensor, empty: Tensor) {
        (self.own, self.wish, self.empty) = (own, wish, empty)
    }
}

/// A sampling's latents before its first step and after each, `(1, h, w, 4)` each.
public struct SampledPath {
    /// Of the reference.
    public fileprivate(set) var reference: [Tensor]
    /// Of the edit, by P_o alone.
    public fileprivate(set) var edit: [Tensor]

    /// The path of an edit that leaves the reference as it is.
    var unedited: SampledPath { SampledPath(reference: reference, edit: reference) }
}
