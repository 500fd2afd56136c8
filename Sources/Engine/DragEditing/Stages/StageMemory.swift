import Diffusion
import TensorCore

/// Remembers what the costly stages gave, so that a second edit of the same picture, or one that was interrupted, need not
/// do them again. One memory belongs to one request: it alone knows under which keys to look.
public protocol StageMemory {
    /// The whole fine-tuning of this request, if it is known.
    func fineTuned() -> FineTuned?
    /// Told of a fine-tuning as soon as it is whole.
    func remember(_ result: FineTuned)
    /// z_0 … z_t of this request, `(1, h, w, 4)` each, if they are known.
    func inverted() -> [Tensor]?
    /// Told of an inversion as soon as it is whole.
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
