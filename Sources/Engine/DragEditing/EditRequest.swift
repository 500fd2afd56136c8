import Diffusion
import Settings
import TensorCore

/// What is to be edited, and how.
public struct EditRequest: Sendable {
    /// The upright input picture, `(1, H, W, 3)` in [0, 1].
    public var image: Tensor
    /// P_o: describes the picture.
    public var sourcePrompt: String
    /// P_e: the wished result; nil: P_o.
    public var editPrompt: String?
    /// What is to move; may be empty with an edit prompt.
    public var drags: [Drag]
    /// Where the picture may change, at its own size; nil: everywhere (or `auto_mask`).
    public var mask: EditMask?
    /// How it is computed.
    public var settings: EditSettings
    /// Seed of all randomness.
    public var seed: UInt64
    /// How the latent is edited.
    public var method: any DragMethod
    /// A trained LoRA that replaces fine-tuning.
    public var lora: LoRA?
    /// Texts that have nothing to do with the edit: what asks whether a picture shows P_e compares P_e with them.
    public var otherTexts: [String] = []

    /// A request.
    public init(
        image: Tensor, sourcePrompt: String, editPrompt: String? = nil, drags: [Drag], mask: EditMask? = nil,
        settings: EditSettings, seed: UInt64 = 42, method: any DragMethod = DragMethods.standard,
        lora: LoRA? = nil
    ) {
        self.image = image
        self.sourcePrompt = sourcePrompt
        self.editPrompt = editPrompt
        self.drags = drags
        self.mask = mask
        self.settings = settings
        self.seed = seed
        self.method = method
        self.lora = lora
    }

    /// Size of the input.
    public var size: Size { Size(height: image.shape[1], width: image.shape[2]) }
}

/// What an edit gave.
public struct EditResult {
    /// The edited picture at the input's own size, `(1, H, W, 3)` in [0, 1].
    public var image: Tensor
    /// The edited picture and the unedited reconstruction at working size.
    public var decoded, reconstruction: Tensor
    /// The edited picture before a stretch that came last (`EditRecord.isStretchedLast`); else the edited picture.
    public var unstretched: Tensor
    /// The input at working size.
    public var working: Tensor
    /// The stretch along the drags that the edit has in it, in the input's pixels; nil: none.
    public var stretch: DragWarp?
    /// How the latent was edited: handle points, iterations, previews.
    public var record: EditRecord
    /// Where the edit may show, at the input's size: the given mask, the drags' surroundings, or everything; nil where the
    /// mask had no cell at latent size.
    public var mask: EditMask?
    /// Losses of fine-tuning; empty when it was skipped.
    public var fineTuningLosses: [Double]
    /// The LoRA that was trained or given.
    public var lora: LoRA?
    /// The network that was used, with the LoRA in place.
    public var unet: UNet
    /// States of P_o.
    public var text: Tensor
    /// Timestep at which the latent was edited.
    public var timestep: Timestep
    /// Latent's rows and columns.
    public var latentSize: Size
    /// Whether a mask was given that had no cell left at latent size.
    public var maskVanished: Bool
    /// Seconds of every stage.
    public var seconds: [EditProgress.Stage: Double]
    /// Stages that were not done because an earlier edit had done them.
    public var restored: [EditProgress.Stage]

    /// What the edited picture would be without the edit: the reconstruction, stretched as the edit is; at working size.
    ///
    /// An edit that is nothing but the stretch is this picture itself.
    public var unedited: Tensor {
        guard let stretch else { return reconstruction }
        return record.isOnlyStretched ? decoded : stretch.warped(reconstruction)
    }
}
