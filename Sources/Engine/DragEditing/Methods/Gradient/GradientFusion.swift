import Settings
import TensorCore

/// Fusion of the drag's gradient G_l with the text's G_g (eq. 6), c the cosine between them:
///
///     clipdrag   c ≥ 0: G_l + λ·√(1−c²)·G_g      c < 0: G_l ∓ λ·c·G_g
///     components c ≥ 0: G_l + λ·(G_g − p)         c < 0: G_l + λ·p          p = (⟨G_g,G_l⟩/‖G_l‖²)·G_l
///     add        G_l + λ·G_g
///     prograd    c ≥ 0: G_l                      c < 0: G_l − λ·(⟨G_l,G_g⟩/‖G_g‖²)·G_g
///     drag       G_l                             text: G_g
struct GradientFusion: Sendable {
    let kind: EditSettings.Fusion
    let conflict: EditSettings.FusionConflict
    let weight: Double

    /// The fusion that the settings name.
    init(_ settings: EditSettings) {
        kind = settings.fusion
        conflict = settings.fusionConflict
        weight = settings.fusionWeight
    }

    /// The fused gradient, and the cosine when there is a text gradient.
    func fuse(drag: Tensor, text: Tensor?) -> (gradient: Tensor, cosine: Double?) {
        guard kind != .drag, let text else { return (drag, nil) }
        let c = cosineSimilarity(text, drag).value
        switch kind {
        case .drag: return (drag, nil)
        case .text: return (text, c)
        case .add: return (.combination(1, drag, Float(weight), text), c)
        case .components:
            let square = drag.dot(drag)
            let along = square > 0 ? drag.dot(text) / square : 0
            if c < 0 { return (Float(1 + weight * along) * drag, c) }
            return (.combination(Float(1 - weight * along), drag, Float(weight), text), c)
        case .prograd:
            if c >= 0 { return (drag, c) }
            return (.combination(1, drag, Float(-weight * drag.dot(text) / text.dot(text)), text), c)
        case .clipdrag:
            let factor =
                c >= 0
                ? weight * max(1 - c * c, 0).squareRoot() : (conflict == .subtract ? -weight : weight) * c
            return (.combination(1, drag, Float(factor), text), c)
        }
    }
}
