import DragEditing
import Failures

@testable import Diffusion

extension FeatureGrid {
    /// A grid of the given size itself.
    init(size: Size, image: Size) {
        self.init(working: Size(height: 2 * size.height, width: 2 * size.width), image: image)
    }
}

extension LoRA {
    /// The U-Net's part of a LoRA file.
    init(path: String, sites: [LoRASite]) throws(Failure) {
        self = try LoRAFile(path: path, unet: sites, text: []).unet
    }
}
