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

    /// - Parameter stretch: along the drags; nil: none.
    /// - Throws: `edit.not_finite`.
    init(
        decoding sampled: SampledEdit, _ model: DiffusionModel, _ scene: Scene, _ stretch: DragWarp?,
        _ trace: Trace
    ) throws(Failure) {
        releaseIdleMemory()
        unstretched = model.decode(Variable(sampled.edit)).value
        decoded = sampled.record.isStretchedLast ? stretch?.warped(unstretched) ?? unstretched : unstretched
        let size = scene.request.size
        image = apply(Resize(height: size.height, width: size.width, .bilinear), Variable(decoded)).value
        trace("image.decoded", decoded)
        trace("image.result", image)
        reconstruction = model.decode(Variable(sampled.reference)).value
        guard decoded.isFinite, reconstruction.isFinite else {
            throw Failure(
                .badJob, code: "edit.not_finite", message: "the decoded picture is not finite",
                hint: "The model's weights may be damaged: see `clipdragd models verify`.")
        }
    }
}
