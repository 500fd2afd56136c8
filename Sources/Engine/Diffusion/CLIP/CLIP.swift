import Failures
import Foundation
import TensorCore

/// CLIP: pictures and texts in one space.
///
///     picture (n, s, s, 3) ─ patches ─ [class, patches…] + positions ─ norm ─ transformer ─ class ─ norm ─ projection
///     text ─ text encoder ─ state at its end ─ projection
public struct CLIP: Sendable {
    /// Side of its input picture, pixels.
    public let imageSize: Int
    /// Width of an embedding.
    public let embeddingWidth: Int
    private let text: TextEncoder
    private let textProjection, visualProjection: Linear
    private let patches: ConvolutionParameters
    private let classToken, positions: Tensor
    private let preNorm, postNorm: LayerNorm
    private let transformer: CLIPTransformer
    private let normalisation: ChannelAffine
    private let shiftedNormalisation: ChannelAffine

    init(_ config: ConfigFile, _ w: Weights, mean: [Float], deviation: [Float]) throws(Failure) {
        try config.check(.clip)
        // Older files have a second section, which replaces the first (transformers' CLIPConfig).
        func section(_ name: String) -> ConfigFile {
            config.section(config.isSet("\(name)_dict") ? "\(name)_dict" : name)
        }
        let textConfig = section("text_config")
        let vision = section("vision_config")
        try vision.check(.clipVision)
        let width: Int = try vision.value("hidden_size", default: 768)
        let patch = try vision.oneCount("patch_size", default: 32)
        let epsilon: Float = try vision.value("layer_norm_eps", default: Float(1e-5))
        imageSize = try vision.oneCount("image_size", default: 224)
        embeddingWidth = try config.value("projection_dim", default: 512)
        text = try TextEncoder(w["text_model"], textConfig)
        textProjection = try w.linear("text_projection", in: text.width, out: embeddingWidth, bias: false)
        let v = w["vision_model"]
        patches = try v.convolution(
            "embeddings.patch_embedding", in: 3, out: width, kernel: patch, stride: patch, padding: .all(0),
            bias: false)
        classToken = try v.tensor("embeddings.class_embedding", [width])
        let count = (imageSize / patch) * (imageSize / patch) + 1
        positions = try v.tensor("embeddings.position_embedding.weight", [count, width])
        preNorm = try v.layerNorm("pre_layrnorm", channels: width, epsilon: epsilon)
        transformer = try CLIPTransformer(v["encoder"], vision, isCausal: false)
        postNorm = try v.layerNorm("post_layernorm", channels: width, epsilon: epsilon)
        visualProjection = try w.linear("visual_projection", in: width, out: embeddingWidth, bias: false)
        // (x − mean)/deviation, and the same after (x + 1)/2.
        normalisation = ChannelAffine(
            scale: Tensor([3], deviation.map { 1 / $0 }),
            shift: Tensor([3], zip(mean, deviation).map { -$0 / $1 }))
        shiftedNormalisation = ChannelAffine(
            scale: Tensor([3], deviation.map { 0.5 / $0 }),
            shift: Tensor([3], zip(mean, deviation).map { (0.5 - $0) / $1 }))
    }

    /// The embedding of normalised pixels `(n, s, s, 3)`: `(n, embeddingWidth)`, not normalised.
    public func embedding(ofNormalised pixels: Variable) -> Variable {
        let samples = pixels.shape[0]
        let grid = apply(Convolution(patches), pixels)
        let width = grid.shape[3]
        let tokens = apply(Reshape(sampleShape: [grid.shape[1] * grid.shape[2], width]), grid)
        let first = Variable(
            Tensor.stacked(Array(repeating: classToken.reshaped([1, 1, width]), count: samples)))
        let x = apply(AddConstant(positions), apply(Concatenate(axis: 1), first, tokens))
        let y = transformer(apply(preNorm, x))
        let end = apply(Reshape(sampleShape: [width]), apply(Slice(axis: 1, 0..<1), y))
        return apply(visualProjection, apply(postNorm, end))
    }

    /// The embedding of pictures `(n, h, w, 3)` in [0, 1], resized to CLIP's input.
    ///
    /// - Parameter shifted: applies (x + 1)/2 first, as the released code does although the picture is in [0, 1] already.
    public func embedding(of image: Variable, shifted: Bool = false) -> Variable {
        let resized = apply(Resize(height: imageSize, width: imageSize, .areaOrBilinear), image)
        return embedding(ofNormalised: apply(shifted ? shiftedNormalisation : normalisation, resized))
    }

    /// See `TextEncoder.check`.
    func check(_ tokenizer: Tokenizer, of folder: String) throws(Failure) {
        try text.check(tokenizer, of: folder)
    }

    /// E_T, `(1, embeddingWidth)`, not normalised.
    public func embedding(ofText ids: [Int]) -> Tensor { embeddings(ofTexts: [ids]) }

    /// E_T of several texts, `(texts, embeddingWidth)`, not normalised.
    public func embeddings(ofTexts texts: [[Int]]) -> Tensor {
        apply(textProjection, Variable(text.pooled(texts))).value
    }
}

/// The guidance loss (eq. 4): L_g = weight·(1 − cos) of a picture's and a text's embedding.
public struct ClipGuidance: Sendable {
    private let clip: CLIP
    private let target: Tensor
    private let weight: Double
    private let shifted: Bool

    /// Guidance towards a text's embedding.
    public init(_ clip: CLIP, target: Tensor, weight: Double, shifted: Bool = false) {
        self.clip = clip
        self.target = target
        self.weight = weight
        self.shifted = shifted
    }

    /// L_g of a picture `(1, h, w, 3)` in [0, 1], and the node and cotangent from which its backward pass starts.
    public func loss(_ image: Variable) -> (value: Double, embedding: Variable, cotangent: Tensor) {
        let embedding = clip.embedding(of: image, shifted: shifted)
        let (cosine, slope, _) = cosineSimilarity(embedding.value, target)
        return (weight * (1 - cosine), embedding, Float(-weight) * slope)
    }
}
