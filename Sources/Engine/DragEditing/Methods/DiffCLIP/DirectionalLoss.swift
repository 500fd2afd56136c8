import Diffusion
import TensorCore

/// The directional CLIP loss (eq. 3), with what keeps the source's pixels:
///
///     L = 1 − cos(n(E_I(x̂)) − n(E_I(x)), n(E_T(P_e)) − n(E_T(P_o))) + keep · mean |x̂ − x|      n: unit length
struct DirectionalLoss {
    private let clip: CLIP
    private let source: Tensor
    private let sourceEmbedding: Tensor
    private let direction: Tensor
    private let keep: Double

    /// - Parameters:
    ///   - source: x, `(1, h, w, 3)` in [0, 1].
    ///   - texts: E_T of P_o and P_e.
    init(_ clip: CLIP, source: Tensor, texts: (source: Tensor, edit: Tensor), keep: Double) {
        self.clip = clip
        self.source = source
        self.keep = keep
        sourceEmbedding = clip.embedding(of: Variable(source)).value.unit
        direction = texts.edit.unit - texts.source.unit
    }

    /// L's two terms, the first one and the whole, and what to seed a backward pass from `picture` with.
    func callAsFunction(
        _ picture: Variable
    ) -> (direction: Double, value: Double, cotangents: [(output: Variable, cotangent: Tensor)]) {
        let embedding = clip.embedding(of: picture)
        let unit = embedding.value.unit
        let (cosine, slope, _) = cosineSimilarity(unit - sourceEmbedding, direction)
        // n(e) = e/|e|: the slope's part along n changes nothing.
        let length = Float(1 / max(embedding.value.norm, 1e-8))
        let pulled = Tensor.combination(-length, slope, length * Float(slope.dot(unit)), unit)
        let difference = picture.value - source
        let share = Float(keep / Double(difference.count))
        let sign = difference.mapped { $0 > 0 ? share : $0 < 0 ? -share : 0 }
        let distance =
            difference.mapped(abs).dot(Tensor(difference.shape, repeating: 1)) / Double(difference.count)
        return (1 - cosine, 1 - cosine + keep * distance, [(embedding, pulled), (picture, sign)])
    }
}

extension Tensor {
    /// The tensor at length 1.
    fileprivate var unit: Tensor { Float(1 / Swift.max(norm, 1e-8)) * self }
}
