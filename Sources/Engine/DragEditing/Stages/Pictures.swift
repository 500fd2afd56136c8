import Diffusion
import Failures
import TensorCore

/// The last stage: pictures of the sampled latents.
struct Pictures {
    /// The edited picture at the input's own size, `(1, H, W, 3)` in [0, 1].
    let image: Tensor
    /// The edited picture and the unedited reconstruction at working size.
    let decoded, reconstruction: Tensor
    /// The edited picture before a stretch that comes last, at working size.
    let unstretched: Tensor
    /// The stretch that the edited picture has in it; nil: none.
    let stretch: DragWarp?
    /// How the latent was edited, and where the handles' content was before a stretch that comes last.
    let record: EditRecord

    /// - Throws: `edit.not_finite`.
    init(decoding sampled: SampledEdit, _ model: DiffusionModel, _ scene: Scene, _ trace: Trace)
        throws(Failure)
    {
        releaseIdleMemory()
        unstretched = model.decode(Variable(sampled.edit)).value
        reconstruction = model.decode(Variable(sampled.reference)).value
        (stretch, record) = Self.stretch(sampled.record, scene, plain: reconstruction, guided: unstretched)
        decoded = record.isStretchedLast ? stretch?.warped(unstretched) ?? unstretched : unstretched
        let size = scene.request.size
        image = apply(Resize(height: size.height, width: size.width, .bilinear), Variable(decoded)).value
        trace("image.decoded", decoded)
        trace("image.result", image)
        guard decoded.isFinite, reconstruction.isFinite else {
            throw Failure(
                .badJob, code: "edit.not_finite", message: "the decoded picture is not finite",
                hint: "The model's weights may be damaged: see `clipdragd models verify`.")
        }
    }

    /// The stretch along the drags, by what a free layout under P_e has left of them. A picture that is drawn anew shows another thing at
    /// the handle points, so nothing is looked for there.
    private static func stretch(_ record: EditRecord, _ scene: Scene, plain: Tensor, guided: Tensor) -> (
        DragWarp?, EditRecord
    ) {
        let (drags, size) = (scene.request.drags, scene.request.size)
        guard scene.settings.stretches(drags) else { return (nil, record) }
        guard record.isStretchedLast, record.guidance?.layout != .redrawn else {
            return (scene.warp(drags), record)
        }
        let left = GuidedDrags(drags, from: plain, to: guided, in: size)
        var record = record
        record.stretch?.starts = left.starts.map(scene.grid.cell)
        return (scene.warp(left.rest), record)
    }
}
