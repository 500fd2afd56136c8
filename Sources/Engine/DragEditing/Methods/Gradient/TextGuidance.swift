import Diffusion
import Settings
import TensorCore

/// L_g: how far a picture is from the wish, the mean over its views.
///
///     global       weight · (1 − cos(E_I(x), E_T(P_e)))                                       eq. 4
///     direction    weight · (1 − cos(Ê_I(x) − Ê_I(x_source), Ê_T(P_e) − Ê_T(P_o)))            eq. 3, Ê of length 1
struct TextGuidance: Sendable {
    /// What `direction` compares with.
    struct Origin: Sendable {
        /// The source picture, `(1, h, w, 3)` in [0, 1].
        let picture: Tensor
        /// E_T(P_o), `(1, width)`.
        let text: Tensor
    }

    private let clip: CLIP
    private let wish: Tensor
    private let weight: Double
    private let isShifted: Bool
    private let viewCount: Int
    private let seed: UInt64
    private let origin: Origin?

    /// Guidance towards a text's embedding.
    ///
    /// - Parameter origin: nil: the loss is `global`.
    init(_ clip: CLIP, wish: Tensor, _ settings: EditSettings, seed: UInt64, origin: Origin?) {
        self.clip = clip
        self.wish = wish
        self.origin = origin
        self.seed = seed
        weight = settings.clipWeight
        isShifted = settings.clipRange == .shifted
        viewCount = settings.clipViews
    }

    /// L_g of a picture `(1, h, w, 3)` in [0, 1] in iteration `step`, and what to seed a backward pass with.
    func loss(_ image: Variable, step: Int) -> (value: Double, seeds: [(Variable, Tensor)]) {
        let views = GuidanceView.drawn(viewCount, seed: seed, step: step)
        let share = weight / Double(views.count)
        let losses = views.map { view -> (value: Double, embedding: Variable, cotangent: Tensor) in
            guard let origin else {
                return ClipGuidance(clip, target: wish, weight: share, shifted: isShifted).loss(
                    view.of(image))
            }
            let embedding = clip.embedding(of: view.of(image), shifted: isShifted)
            let source = clip.embedding(of: view.of(Variable(origin.picture)), shifted: isShifted).value
            let (value, slope) = Self.direction(
                embedding.value, from: source, wish: wish, from: origin.text)
            return (share * value, embedding, Float(share) * slope)
        }
        return (losses.reduce(0) { $0 + $1.value }, losses.map { ($0.embedding, $0.cotangent) })
    }

    /// 1 − the cosine between the picture's way and the text's, and its gradient to the picture's embedding.
    static func direction(
        _ picture: Tensor, from source: Tensor, wish: Tensor, from text: Tensor
    ) -> (value: Double, slope: Tensor) {
        let length = max(picture.norm, 1e-8)
        let unitPicture = unit(picture)
        let (cosine, slope, _) = cosineSimilarity(unitPicture - unit(source), unit(wish) - unit(text))
        // Through x/|x|: the part of the slope across x, over |x|.
        let across = Tensor.combination(1, slope, Float(-slope.dot(unitPicture)), unitPicture)
        return (1 - cosine, Float(-1 / length) * across)
    }

    private static func unit(_ vector: Tensor) -> Tensor { Float(1 / max(vector.norm, 1e-8)) * vector }
}
