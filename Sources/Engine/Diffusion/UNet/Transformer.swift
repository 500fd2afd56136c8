import Failures
import TensorCore

/// LoRA factors during their training: `y += scale·up(down(x))` at each site.
public struct LoRAAdapters {
    /// Site name → factors, `down (rank, in)` and `up (out, rank)`.
    public let factors: [String: (down: Variable, up: Variable, scale: Float)]

    /// Adapters at the given sites.
    public init(_ factors: [String: (down: Variable, up: Variable, scale: Float)]) { self.factors = factors }
}

/// Reference control (docs/algorithm.md section 4): from self-attention layer `firstLayer` on, every sample reads of sample 0.
/// Sampling needs no gradients, so what is read of sample 0 is a constant.
public struct ReferenceControl: Sendable {
    /// What samples read of sample 0.
    public enum Part: Sendable {
        /// Keys and values: every sample shows sample 0's content.
        case content
        /// Queries and keys, and the up blocks' last features with half of the latent's side: every sample attends as
        /// sample 0 does, which keeps the layout, and shows its own content.
        case layout
    }

    let firstLayer: Int
    /// What is read.
    let part: Part

    /// Control from a layer on, counted in execution order.
    public init(firstLayer: Int, of part: Part = .content) {
        (self.firstLayer, self.part) = (firstLayer, part)
    }
}

extension Variable {
    /// Sample 0's value in place of every sample's, without gradients.
    var ofFirstSample: Variable { Variable(.stacked(Array(repeating: value.sample(0), count: shape[0]))) }
}

/// What attention layers read in addition to their input.
struct AttentionContext {
    let text: Variable
    let adapters: LoRAAdapters?
    let control: ReferenceControl?
}

/// A spatial transformer: norm ─ in ─ blocks over all cells as tokens ─ out ─ (+).
struct Transformer: Sendable {
    private let path: String
    private let norm: GroupNorm
    private var projectIn, projectOut: Linear
    private var blocks: [TransformerBlock] = []

    init(_ w: Weights, _ shape: UNetShape, level: Int, _ layers: inout LayerCounter) throws(Failure) {
        path = w.path
        let width = shape.widths[level]
        norm = try w.groupNorm("norm", channels: width, groups: shape.groups, epsilon: 1e-6, silu: false)
        projectIn = try w.linear("proj_in", in: width, out: width)
        for i in 0..<shape.transformerLayers[level: level] {
            blocks.append(
                try TransformerBlock(
                    w["transformer_blocks.\(i)"], width: width, heads: shape.heads[level: level],
                    textWidth: shape.textWidth, layer: layers.take()))
        }
        projectOut = try w.linear("proj_out", in: width, out: width)
    }

    func callAsFunction(_ x: Variable, _ context: AttentionContext) -> Variable {
        let sampleShape = Array(x.shape.dropFirst())
        let asTokens = Reshape(sampleShape: [sampleShape[0] * sampleShape[1], sampleShape[2]])
        var tokens = apply(projectIn, apply(asTokens, apply(norm, x)))
        for block in blocks { tokens = block(tokens, context) }
        return apply(
            LinearCombination(1, 1), x, apply(Reshape(sampleShape: sampleShape), apply(projectOut, tokens)))
    }

    mutating func forEachLinear(_ body: (String, inout Linear) -> Void) {
        body("\(path).proj_in", &projectIn)
        for i in blocks.indices { blocks[i].forEachLinear(body) }
        body("\(path).proj_out", &projectOut)
    }
}

/// norm1 ─ self-attention ─(+)─ norm2 ─ cross-attention ─(+)─ norm3 ─ GEGLU feed-forward ─(+).
struct TransformerBlock: Sendable {
    private let norm1, norm2, norm3: LayerNorm
    private let path: String
    private var selfAttention, crossAttention: AttentionLayer
    private var feedForward: FeedForward

    init(_ w: Weights, width: Int, heads: Int, textWidth: Int, layer: Int) throws(Failure) {
        path = w.path
        norm1 = try w.layerNorm("norm1", channels: width, epsilon: 1e-5)
        selfAttention = try AttentionLayer(
            w["attn1"], width: width, source: width, heads: heads, layer: layer)
        norm2 = try w.layerNorm("norm2", channels: width, epsilon: 1e-5)
        crossAttention = try AttentionLayer(
            w["attn2"], width: width, source: textWidth, heads: heads, layer: layer)
        norm3 = try w.layerNorm("norm3", channels: width, epsilon: 1e-5)
        feedForward = FeedForward(
            widening: try w.linear("ff.net.0.proj", in: width, out: 8 * width),
            narrowing: try w.linear("ff.net.2", in: 4 * width, out: width))
    }

    func callAsFunction(_ input: Variable, _ context: AttentionContext) -> Variable {
        let add = LinearCombination(1, 1)
        var x = input
        let own = apply(norm1, x)
        x = apply(add, x, selfAttention(selfAttention.inputs(own, context.control), context))
        let text = AttentionInputs(queries: apply(norm2, x), keys: context.text, values: context.text)
        x = apply(add, x, crossAttention(text, context))
        return apply(add, x, apply(feedForward, apply(norm3, x)))
    }

    mutating func forEachLinear(_ body: (String, inout Linear) -> Void) {
        selfAttention.forEachLinear(body)
        crossAttention.forEachLinear(body)
        body("\(path).ff.net.0.proj", &feedForward.widening)
        body("\(path).ff.net.2", &feedForward.narrowing)
    }
}

/// Tokens from which queries, keys and values are made, `(n, tokens, width)` each.
struct AttentionInputs {
    var queries, keys, values: Variable
}

/// Multi-head attention of tokens to a source; fine-tuning trains a LoRA on each of its four linear layers.
struct AttentionLayer: Sendable {
    private let path: String
    private let heads, layer: Int
    private var q, k, v, out: Linear

    init(_ w: Weights, width: Int, source: Int, heads: Int, layer: Int) throws(Failure) {
        path = w.path
        self.heads = heads
        self.layer = layer
        try w.divides(heads, width, "heads of `\(path)`")
        q = try w.linear("to_q", in: width, out: width, bias: false)
        k = try w.linear("to_k", in: source, out: width, bias: false)
        v = try w.linear("to_v", in: source, out: width, bias: false)
        out = try w.linear("to_out.0", in: width, out: width)
    }

    /// The inputs of self-attention.
    func inputs(_ own: Variable, _ control: ReferenceControl?) -> AttentionInputs {
        guard let control, layer >= control.firstLayer else {
            return AttentionInputs(queries: own, keys: own, values: own)
        }
        switch control.part {
        case .content:
            let first = Variable(own.value.sample(0))
            return AttentionInputs(queries: own, keys: first, values: first)
        case .layout:
            let all = own.ofFirstSample
            return AttentionInputs(queries: all, keys: all, values: own)
        }
    }

    func callAsFunction(_ inputs: AttentionInputs, _ context: AttentionContext) -> Variable {
        let attention = apply(
            Attention(heads: heads), adapted(q, "to_q", inputs.queries, context),
            adapted(k, "to_k", inputs.keys, context), adapted(v, "to_v", inputs.values, context))
        return adapted(out, "to_out.0", attention, context)
    }

    /// W·x + b, with an adapter's change of W.
    private func adapted(_ base: Linear, _ name: String, _ x: Variable, _ context: AttentionContext)
        -> Variable
    {
        guard let factors = context.adapters?.factors["\(path).\(name)"] else { return apply(base, x) }
        return apply(AdaptedLinear(base, scale: factors.scale), x, factors.down, factors.up)
    }

    mutating func forEachLinear(_ body: (String, inout Linear) -> Void) {
        body("\(path).to_q", &q)
        body("\(path).to_k", &k)
        body("\(path).to_v", &v)
        body("\(path).to_out.0", &out)
    }
}
