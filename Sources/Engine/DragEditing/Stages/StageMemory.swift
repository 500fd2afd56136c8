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

    init(_ memory: (any StageMemory)?, _ scene: Scene) {
        let isTuning = scene.request.lora == nil && scene.settings.lora.steps > 0
        fineTuned = isTuning ? memory?.fineTuned() : nil
        path = memory?.inverted().flatMap { path in
            let isWhole = path.count == scene.inversion.timesteps.count + 1
            return isWhole && path.allSatisfy { $0.shape == scene.latentShape } ? path : nil
        }
    }
}
