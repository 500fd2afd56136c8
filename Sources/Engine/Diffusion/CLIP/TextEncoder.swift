import Failures
import TensorCore

/// CLIP's text encoder: ids ─ token + position embeddings ─ causal transformer ─ final layer norm.
public struct TextEncoder: Sendable {
    private let tokens, positions: Tensor
    private var transformer: CLIPTransformer
    private let finalNorm: LayerNorm
    private let endToken: Int

    /// Width of a state.
    public var width: Int { tokens.shape[1] }

    /// - Parameter weights: those under `text_model`, or at the top of newer files.
    init(_ weights: Weights, _ config: ConfigFile) throws(Failure) {
        try config.check(.clipText)
        let isNested = weights.has("text_model.embeddings.token_embedding.weight")
        let w = isNested ? weights["text_model"] : weights
        let width: Int = try config.value("hidden_size", default: 512)
        let vocabulary: Int = try config.value("vocab_size", default: 49408)
        let length: Int = try config.value("max_position_embeddings", default: 77)
        tokens = try w.tensor("embeddings.token_embedding.weight", [vocabulary, width])
        positions = try w.tensor("embeddings.position_embedding.weight", [length, width])
        transformer = try CLIPTransformer(w["encoder"], config, isCausal: true)
        finalNorm = try w.layerNorm(
            "final_layer_norm", channels: width,
            epsilon: try config.value("layer_norm_eps", default: Float(1e-5)))
        endToken = try config.value("eos_token_id", default: 49407)
    }

    /// Fails where a tokenizer gives an id, or a number of ids, for which the encoder has no embedding.
    func check(_ tokenizer: Tokenizer, of folder: String) throws(Failure) {
        let (vocabulary, length) = (tokens.shape[0], positions.shape[0])
        guard tokenizer.ids.lowerBound >= 0, tokenizer.ids.upperBound < vocabulary, tokenizer.length <= length
        else {
            throw Failure(
                .badModel, code: "model.config",
                message:
                    "\(folder): the tokenizer gives \(tokenizer.length) ids from \(tokenizer.ids.lowerBound) to \(tokenizer.ids.upperBound) (`\(tokenizer.last)`); its encoder takes \(length) from 0 to \(vocabulary - 1)",
                hint: "Copy the tokenizer that belongs to the text encoder.")
        }
    }

    /// The states after the final norm, `(1, ids, width)`.
    public func states(_ ids: [Int]) -> Tensor { states(ofEqualLength: [ids]) }

    /// The states of several texts of one length, `(texts, ids, width)`.
    private func states(ofEqualLength texts: [[Int]]) -> Tensor {
        let (width, count) = (width, texts[0].count)
        let embedded = Tensor([texts.count, count, width]) { out in
            tokens.withUnsafeValues { tokens in
                positions.withUnsafeValues { positions in
                    for (i, id) in texts.joined().enumerated() {
                        for c in 0..<width {
                            out[i * width + c] = tokens[id * width + c] + positions[i % count * width + c]
                        }
                    }
                }
            }
        }
        return apply(finalNorm, transformer(Variable(embedded))).value
    }

    /// The same encoder with a LoRA added into its weights.
    public func merging(_ lora: LoRA) -> TextEncoder {
        var merged = self
        merged.transformer.forEachLinear { name, linear in
            guard let factors = lora.sites["text_model.encoder.\(name)"] else { return }
            linear = linear.adding(factors)
        }
        return merged
    }

    /// Linear layers, which LoRA files may change, by transformers' names.
    public var linearSites: [LoRASite] {
        var found: [LoRASite] = []
        var copy = transformer
        copy.forEachLinear { found.append(LoRASite("text_model.encoder.\($0)", $1)) }
        return found
    }

    /// The states at the ends of texts, `(texts, width)`: at the first end token. Openai's published configuration has the
    /// `eos_token_id` 2, which is no end token; with it, the state at the largest id.
    ///
    /// Attention is causal, so nothing after the end is computed. Texts of one length go through together.
    func pooled(_ texts: [[Int]]) -> Tensor {
        let width = width
        var states = [Float](repeating: 0, count: texts.count * width)
        let byLength = Dictionary(grouping: texts.indices) { end(of: texts[$0]) }
        for (end, indices) in byLength.sorted(by: { $0.key < $1.key }) {
            for start in stride(from: 0, to: indices.count, by: Self.textsAtOnce) {
                let group = indices[start..<min(start + Self.textsAtOnce, indices.count)]
                let found = self.states(ofEqualLength: group.map { Array(texts[$0][...end]) })
                let last = apply(Slice(axis: 1, end..<end + 1), Variable(found)).value
                last.withUnsafeValues { last in
                    for (row, text) in group.enumerated() {
                        for c in 0..<width { states[text * width + c] = last[row * width + c] }
                    }
                }
            }
        }
        return Tensor([texts.count, width], states)
    }

    /// Enough for the products to be worth their weights' way from memory.
    private static let textsAtOnce = 32

    /// The index of the state that stands for a text.
    private func end(of ids: [Int]) -> Int {
        let largest = ids.indices.max { ids[$0] < ids[$1] || (ids[$0] == ids[$1] && $0 > $1) } ?? 0
        return endToken == 2 ? largest : ids.firstIndex(of: endToken) ?? 0
    }
}
