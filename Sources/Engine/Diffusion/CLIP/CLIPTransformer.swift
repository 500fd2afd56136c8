import Failures
import TensorCore

/// The stack that CLIP's text and picture encoders share, n times:
///
///     x ─ layer_norm1 ─ self-attention ─(+)─ layer_norm2 ─ fc1 ─ GELU ─ fc2 ─(+)
struct CLIPTransformer: Sendable {
    private struct Layer: Sendable {
        let norm1, norm2: LayerNorm
        var q, k, v, out, fc1, fc2: Linear
    }

    private var layers: [Layer] = []
    private let attention: Attention
    private let activation: Activation

    /// - Parameter config: `hidden_size num_attention_heads num_hidden_layers intermediate_size hidden_act`.
    init(_ w: Weights, _ config: ConfigFile, isCausal: Bool) throws(Failure) {
        let width: Int = try config.value("hidden_size", default: isCausal ? 512 : 768)
        let inner: Int = try config.value("intermediate_size", default: isCausal ? 2048 : 3072)
        let count = try config.count("num_hidden_layers", default: 12)
        let heads: Int = try config.value("num_attention_heads", default: isCausal ? 8 : 12)
        let epsilon: Float = try config.value("layer_norm_eps", default: Float(1e-5))
        let name: String = try config.value("hidden_act", default: "quick_gelu")
        switch name {
        case "quick_gelu": activation = Activation(.quickGELU)
        case "gelu": activation = Activation(.gelu)
        default:
            throw Failure(
                .badModel, code: "model.unsupported",
                message: "\(config.path): hidden_act `\(name)` is not supported",
                hint: "Use a CLIP model with `quick_gelu` or `gelu`.")
        }
        try w.divides(heads, width, "heads of `\(w.path)`")
        attention = Attention(heads: heads, isCausal: isCausal)
        for i in 0..<count {
            let l = w["layers.\(i)"]
            layers.append(
                Layer(
                    norm1: try l.layerNorm("layer_norm1", channels: width, epsilon: epsilon),
                    norm2: try l.layerNorm("layer_norm2", channels: width, epsilon: epsilon),
                    q: try l.linear("self_attn.q_proj", in: width, out: width),
                    k: try l.linear("self_attn.k_proj", in: width, out: width),
                    v: try l.linear("self_attn.v_proj", in: width, out: width),
                    out: try l.linear("self_attn.out_proj", in: width, out: width),
                    fc1: try l.linear("mlp.fc1", in: width, out: inner),
                    fc2: try l.linear("mlp.fc2", in: inner, out: width)))
        }
    }

    /// Tokens `(n, t, width)` to tokens.
    func callAsFunction(_ input: Variable) -> Variable {
        let add = LinearCombination(1, 1)
        var x = input
        for layer in layers {
            let h = apply(layer.norm1, x)
            let mixed = apply(attention, apply(layer.q, h), apply(layer.k, h), apply(layer.v, h))
            x = apply(add, x, apply(layer.out, mixed))
            x = apply(add, x, apply(layer.fc2, apply(activation, apply(layer.fc1, apply(layer.norm2, x)))))
        }
        return x
    }

    /// Linear layers in execution order, by their names below the encoder.
    mutating func forEachLinear(_ body: (String, inout Linear) -> Void) {
        for i in layers.indices {
            body("layers.\(i).self_attn.q_proj", &layers[i].q)
            body("layers.\(i).self_attn.k_proj", &layers[i].k)
            body("layers.\(i).self_attn.v_proj", &layers[i].v)
            body("layers.\(i).self_attn.out_proj", &layers[i].out)
            body("layers.\(i).mlp.fc1", &layers[i].fc1)
            body("layers.\(i).mlp.fc2", &layers[i].fc2)
        }
    }
}
