import Diffusion
import DragEditing
import Foundation
import Imaging
import TensorCore
import TestSupport

/// A fixture's picture.
func picture(_ path: String) throws -> Image {
    try Image(
        decoding: Array(Data(contentsOf: URL(filePath: Fixtures.path(path)))), limits: .init(shortestSide: 1))
}

/// A fixture's picture at a model's working size, `(1, h, w, 3)`.
func workingPicture(_ path: String, _ model: DiffusionModel) throws -> Tensor {
    let image = try picture(path)
    let size = WorkingSize.of(
        Size(height: image.height, width: image.width), native: model.nativeSize,
        multiple: model.vae.downFactor)
    return Tensor([1, image.height, image.width, 3], image.normalised)
        .resizedAntialiased(height: size.height, width: size.width)
}
