import Diffusion
import TensorCore

/// Figures of merit (docs/algorithm.md section 6).
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
        let features = ContentFeatures(model: model, result: result, seed: seed, copies: 8, block: 2)
        let source = features.map(result.working)
        let edited = features.map(result.decoded)
        let distances = zip(result.record.handles, drags).map { handle, drag -> Double in
            let wanted = source.feature(at: handle.start)
            var best = (score: -Double.infinity, cell: handle.start)
            for row in 0..<edited.size.height {
                for column in 0..<edited.size.width {
                    let cell = GridCell(row: row, column: column)
                    let score = ContentFeatures.similarity(wanted, edited.feature(at: cell))
                    if score > best.score { best = (score, cell) }
                }
            }
            return result.record.grid.point(of: best.cell).distance(to: drag.target)
        }
        return distances.reduce(0, +) / Double(distances.count)
    }
}
