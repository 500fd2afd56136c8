import Diffusion
import TensorCore

/// Features that say what is where in a picture, whatever noise or tracking did: those of the U-Net on noised copies of
/// the picture, averaged (DIFT). The same noise serves all pictures of one comparison.
struct ContentFeatures {
    /// Early enough that features follow content, not noise.
    static let timestep: Timestep = 261

    let model: DiffusionModel
    let result: EditResult
    let seed: UInt64
    /// Noised copies that are averaged.
    let copies: Int
    /// Index into [mid, up0, up1, …]; beyond the last: the last.
    let block: Int

    /// Features of a picture at working size, on the grid of the edit.
    func map(_ image: Tensor) -> FeatureMap {
        let latent = model.encode(image)
        let alphaBar = model.schedule.alphaBar(Self.timestep)
        var generator = SeededGenerator(seed: seed)
        releaseIdleMemory()
        let features = (0..<copies).map { _ in
            let noised = Tensor.combination(
                alphaBar.squareRoot(), latent, (1 - alphaBar).squareRoot(), generator.normal(latent.shape))
            let blocks = result.unet(Variable(noised), timesteps: [Self.timestep], text: result.text)
                .blockFeatures
            return blocks[min(block, blocks.count - 1)].value
        }
        // The sum serves as well as the mean: only directions are compared.
        return FeatureMap(features.dropFirst().reduce(features[0]) { $0 + $1 }, grid: result.record.grid.size)
    }

    /// Cosine of two cells' features.
    static func similarity(_ a: [Float], _ b: [Float]) -> Double {
        var (product, aa, bb): (Float, Float, Float) = (0, 0, 0)
        for i in a.indices {
            product += a[i] * b[i]
            aa += a[i] * a[i]
            bb += b[i] * b[i]
        }
        return Double(product) / max(Double(aa * bb).squareRoot(), 1e-12)
    }
}
