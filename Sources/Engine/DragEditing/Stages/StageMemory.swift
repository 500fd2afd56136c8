import Diffusion
import Settings
import TensorCore

/// Remembers the results of the costly stages, so that a second edit of the same picture, or one that was interrupted,
/// skips them. A memory belongs to one request and knows the keys of its entries.
public protocol StageMemory {
    /// The whole fine-tuning of this request, if it is known.
    func fineTuned() -> FineTuned?
    /// Stores a complete fine-tuning.
    func remember(_ result: FineTuned)
    /// z_0 … z_t of this request, `(1, h, w, 4)` each, if they are known.
    func inverted() -> [Tensor]?
    /// Stores a complete inversion.
    func remember(path: [Tensor])
    /// What an earlier run of this request gave that failed after its last step, if it is known.
    func sampled() -> SampledEdit?
    /// Stores what the run has given, before anything is made of it.
    func remember(_ result: SampledEdit)
}

/// What sampling gives to the stages after it.
public struct SampledEdit: Sendable {
    /// Latents of the edit and of the unedited reconstruction, `(1, h, w, 4)`.
    public let edit, reference: Tensor
    /// How the latent was edited.
    public let record: EditRecord

    /// A sampled edit.
    public init(edit: Tensor, reference: Tensor, record: EditRecord) {
        (self.edit, self.reference, self.record) = (edit, reference, record)
    }
}

/// What fine-tuning gives to the stages after it.
public struct FineTuned: Sendable {
    /// The trained factors.
    public let lora: LoRA
    /// The loss of every step.
    public let losses: [Double]

    /// A fine-tuning.
    public init(lora: LoRA, losses: [Double]) {
        self.lora = lora
        self.losses = losses
    }
}

/// What a memory knows of a scene, looked up once.
struct KnownStages {
    /// The fine-tuning; nil where the request brings its own LoRA or wants none.
    let fineTuned: FineTuned?
    /// The inversion's path, where its length and shapes are the scene's.
    let path: [Tensor]?
    /// The sampled edit, where its shapes are the scene's.
    let sampled: SampledEdit?

    init(_ memory: (any StageMemory)?, _ scene: Scene) {
        let isTuning = scene.request.lora == nil && scene.settings.lora.steps > 0
        fineTuned = isTuning ? memory?.fineTuned() : nil
        path = memory?.inverted().flatMap { path in
            let isWhole = path.count == scene.inversion.timesteps.count + 1
            return isWhole && path.allSatisfy { $0.shape == scene.latentShape } ? path : nil
        }
        sampled = memory?.sampled().flatMap { sampled in
            [sampled.edit, sampled.reference].allSatisfy { $0.shape == scene.latentShape } ? sampled : nil
        }
    }
}
