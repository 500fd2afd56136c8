import DragEditing
import Imaging

/// The colour behind a picture with transparency. The model sees the picture over this colour.
///
/// The colours that a file stores under full transparency are no part of the picture, so they never reach the model.
public struct Matte: Sendable, Equatable {
    /// The colour behind the picture, in [0, 1] for red, green and blue alike.
    public let level: Float

    /// White, or a dark grey behind a picture whose visible rim is itself bright.
    public init(behind image: Image) {
        guard let alpha = image.alpha else {
            level = 1
            return
        }
        let (half, scale) = (image.maximum / 2, Float(image.maximum))
        var (sum, count): (Float, Float) = (0, 0)
        for row in 1..<image.height - 1 {
            for column in 1..<image.width - 1 {
                let i = row * image.width + column
                guard alpha[i] > half else { continue }
                let around = [i - 1, i + 1, i - image.width, i + image.width]
                guard around.contains(where: { alpha[$0] <= half }) else { continue }
                sum += (0..<3).reduce(Float(0)) { $0 + Float(image.samples[3 * i + $1]) / scale } / 3
                count += 1
            }
        }
        level = count > 0 && sum / count > 0.8 ? 0.25 : 1
    }

    /// The picture's samples in [0, 1] over the matte, row by row.
    public func flattened(_ image: Image) -> [Float] {
        guard let alpha = image.alpha else { return image.normalised }
        let scale = Float(image.maximum)
        return image.samples.indices.map { i in
            let opacity = Float(alpha[i / 3]) / scale
            return opacity * Float(image.samples[i]) / scale + (1 - opacity) * level
        }
    }
}
