import Diffusion
import TensorCore

/// Figures of merit (section 6).
public struct Metrics {
    private let model: DiffusionModel

    /// Metrics by a model's own networks.
    public init(_ model: DiffusionModel) { self.model = model }

    /// CLIP score: cos(E_I(picture), E_T(text)); nil without a CLIP model.
    public func clipScore(_ image: Tensor, text: String) -> Double? {
        model.guide.map { guide in
            cosineSimilarity(guide.clip.embedding(of: Variable(image)).value, guide.embedding(of: text)).value
        }
    }

    /// MD: the mean distance, in input pixels, between each target and the place in the result whose feature is most
    /// like the source's at the handle (best cosine over the whole grid; features of 8 noised copies at t = 261).
    public func meanDistance(_ result: EditResult, drags: [Drag], seed: UInt64) -> Double? {
        guard !drags.isEmpty else { return nil }
        let source = features(result.working, result, seed)
        let edited = features(result.decoded, result, seed)
        let distances = zip(result.handles, drags).map { handle, drag -> Double in
            let wanted = source.feature(at: handle.start)
            var best = (score: -Double.infinity, cell: handle.start)
            for row in 0..<edited.size.height {
                for column in 0..<edited.size.width {
                    let cell = GridCell(row: row, column: column)
                    let score = cosine(wanted, edited.feature(at: cell))
                    if score > best.score { best = (score, cell) }
                }
            }
            return result.grid.point(of: best.cell).distance(to: drag.target)
        }
        return distances.reduce(0, +) / Double(distances.count)
    }

    private func features(_ image: Tensor, _ result: EditResult, _ seed: UInt64) -> FeatureMap {
        let latent = model.encode(image)
        let alphaBar = model.schedule.alphaBar(261)
        var generator = SeededGenerator(seed: seed)
        let copies = (0..<8).map { _ in
            Tensor.combination(
                alphaBar.squareRoot(), latent, (1 - alphaBar).squareRoot(), generator.normal(latent.shape))
        }
        let blocks = result.unet(Variable(.stacked(copies)), timesteps: [261], text: result.text)
            .blockFeatures
        let block = blocks[min(2, blocks.count - 1)].value
        return FeatureMap((1..<8).reduce(block.sample(0)) { $0 + block.sample($1) }, grid: result.grid.size)
    }

    private func cosine(_ a: [Float], _ b: [Float]) -> Double {
        var (product, aa, bb): (Float, Float, Float) = (0, 0, 0)
        for i in a.indices {
            product += a[i] * b[i]
            aa += a[i] * a[i]
            bb += b[i] * b[i]
        }
        return Double(product / max((aa * bb).squareRoot(), 1e-12))
    }
}
