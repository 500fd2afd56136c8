import Diffusion
import Failures
import Settings
import TensorCore

/// What every stage reads: the request and the picture as the networks see it (docs/algorithm.md section 0).
struct Scene {
    let request: EditRequest
    /// The request's settings without the work that its method has no need of.
    let settings: EditSettings
    let inversion: Inversion
    let cost: EditCost
    /// The picture at working size, `(1, h, w, 3)` in [0, 1].
    let working: Tensor
    let posterior: PicturePosterior
    /// Rows and columns of the latent, and its whole shape.
    let latentSize: Size
    let latentShape: [Int]
    /// States of P_o.
    let text: Tensor
    /// The model's CLIP, where it has one.
    let guide: DiffusionModel.Guide?
    let grid: FeatureGrid
    let mask: SceneMask

    /// Prepares a request.
    ///
    /// - Throws: `edit.settings`, what the method's `check` throws, or `edit.no_guide` where the method needs a guide that
    ///   the model lacks.
    init(_ request: EditRequest, _ model: DiffusionModel) throws(Failure) {
        self.request = request
        settings = request.method.adjusted(request.settings)
        inversion = try Inversion(model, settings)
        let needs = request.method.needs(settings)
        guide = model.guide
        guard !needs.guide || guide != nil else {
            throw Failure(
                .badModel, code: "edit.no_guide",
                message: "the model `\(model.name)` has no CLIP model to guide with",
                hint: "\(needs.guideHint), or join one: clipdragd models import \(model.folder) --clip PATH.")
        }
        let factor = model.vae.downFactor
        let size = WorkingSize.of(request.size, native: model.nativeSize, multiple: factor)
        working = request.image.resizedAntialiased(height: size.height, width: size.width)
            .mapped { min(max($0, 0), 1) }
        posterior = PicturePosterior(working, model)
        latentSize = Size(height: size.height / factor, width: size.width / factor)
        latentShape = [1, latentSize.height, latentSize.width, model.vae.latentChannels]
        text = model.textStates(request.sourcePrompt)
        grid = FeatureGrid(working: size, image: request.size)
        mask = SceneMask(request, settings, latentSize)
        try request.method.check(
            MethodInput(
                drags: request.drags, mask: request.mask, hasEditPrompt: request.editPrompt != nil), settings)
        cost = EditCost(
            settings, request.method, isStretched: settings.stretches(request.drags),
            isWishSampled: settings.samplesWish(request.editPrompt),
            longestDrag: request.drags.longest(on: latentSize, of: request.size))
    }

    /// E_T(P_e), `(1, width)`, by a guide.
    func wish(_ guide: DiffusionModel.Guide) -> Tensor {
        guide.embedding(of: request.editPrompt ?? request.sourcePrompt)
    }

    /// The handle points at their starts.
    var handles: [HandlePoint] { request.drags.map { HandlePoint($0, on: grid) } }

    /// The stretch along drags (`warp`).
    func warp(_ drags: [Drag]) -> DragWarp {
        DragWarp(
            drags, part: settings.warp, of: working, image: request.size,
            mask: mask.isGiven ? mask.held : nil,
            grid: latentSize)
    }

    /// One pass of the U-Net at the scene's size, for its time.
    func passOnce(_ model: DiffusionModel) {
        _ = model.unet(
            Variable(.zeros(latentShape)), timesteps: [inversion.editedTimestep], text: text)
    }

    /// Records what was prepared.
    func record(in trace: Trace) {
        trace("image.working", working)
        trace("text.states", text)
        if let guide { trace("text.clip", wish(guide)) }
        if let latent = mask.latent {
            let values = latent.values.map { $0 ? Float(1) : 0 }
            trace("mask.latent", Tensor([latentSize.height, latentSize.width], values))
        }
    }
}

/// The posterior of the picture. It is encoded once, when a stage first asks.
final class PicturePosterior {
    private let picture: Tensor
    private let model: DiffusionModel

    init(_ picture: Tensor, _ model: DiffusionModel) {
        self.picture = picture
        self.model = model
    }

    /// Unscaled, both `(1, h, w, 4)`.
    private(set) lazy var value: (mean: Tensor, deviation: Tensor) = {
        defer { releaseIdleMemory() }
        return model.posterior(picture)
    }()
}

/// Where the picture may change.
struct SceneMask {
    /// At the input's size: the given mask, or with `auto_mask` the drags' surroundings; nil: everywhere.
    let full: EditMask?
    /// The same at the latent's size.
    let latent: EditMask?
    /// The latent's mask where it has a cell: without one it holds nothing.
    let held: EditMask?
    /// Whether the request gave the mask.
    let isGiven: Bool

    init(_ request: EditRequest, _ settings: EditSettings, _ latentSize: Size) {
        let surroundings =
            settings.autoMask && !request.drags.isEmpty
            ? EditMask.around(request.drags, size: request.size) : nil
        full = request.mask ?? surroundings
        latent = full?.resized(to: latentSize)
        held = latent.flatMap { $0.isEmpty ? nil : $0 }
        isGiven = request.mask != nil
    }

    /// Where the edit may show, at the input's size. Beside the drags that is where P_e worked. A text that keeps the layout
    /// changes a whole thing, so only a given mask limits it.
    func shown(_ guidance: EditRecord.Guidance?) -> EditMask? {
        guard let full, held != nil, let latent else { return nil }
        guard let guidance, guidance.layout != nil, !isGiven else { return full }
        guard let cells = guidance.cells else {
            return EditMask(size: full.size, values: Array(repeating: true, count: full.values.count))
        }
        let text = EditMask(cells: cells, of: latent.size).resized(to: full.size)
        return EditMask(size: full.size, values: zip(full.values, text.values).map { $0 || $1 })
    }

    /// Whether the mask had cells, and none of them is left at latent size.
    var vanished: Bool { latent?.isEmpty == true && full?.isEmpty == false }
}
