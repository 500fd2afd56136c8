/// Translates diffusers' names of tensors into those of an original checkpoint.
///
/// A single file holds all networks, each below a prefix: `model.diffusion_model.` (U-Net), `first_stage_model.` (VAE),
/// `cond_stage_model.` (text encoder).
struct CheckpointNames: Sendable {
    /// A tensor's place in the file.
    struct Place: Sendable, Equatable {
        /// Its key.
        var key: String
        /// Which third of the rows it is, where the file stores query, key and value as one matrix.
        var third: Int?
        /// Whether the file stores a matrix as a 1×1 convolution.
        var isPointwise = false
    }

    /// The prefix of all keys of the network.
    let prefix: String
    /// Beginnings, below the prefix, of keys that no network needs.
    let strays: [String]
    /// The place of a name, with a key without the prefix; nil for a name that has no counterpart.
    private let placeBelow: @Sendable (_ name: [Substring]) -> Place?

    init(
        prefix: String, strays: [String] = [], placeBelow: @escaping @Sendable ([Substring]) -> Place?
    ) {
        self.prefix = prefix
        self.strays = strays
        self.placeBelow = placeBelow
    }

    /// The place of a tensor of diffusers' name.
    func place(_ name: String) -> Place? {
        guard var place = placeBelow(name.split(separator: ".")) else { return nil }
        place.key = prefix + place.key
        return place
    }

    /// Names that differ by the prefix alone.
    static func unchanged(prefix: String, strays: [String] = []) -> CheckpointNames {
        CheckpointNames(prefix: prefix, strays: strays) { Place(key: $0.joined(separator: ".")) }
    }

    // MARK: U-Net

    /// The U-Net of a single file. It numbers blocks consecutively. On the way down: conv_in, then the residual blocks and the
    /// downsampler of each level. On the way up: one residual block more for each level; the upsampler is a part of the last.
    static func unet(_ shape: UNetShape, prefix: String = "model.diffusion_model.") -> CheckpointNames {
        let perLevel = shape.layersPerBlock + 1
        let attends = shape.upTypes.map { $0.hasPrefix("CrossAttn") }
        return CheckpointNames(prefix: prefix) { name in
            unetKey(name, perLevel: perLevel, attends: attends).map { Place(key: $0) }
        }
    }

    /// The key of any layer below a block. LoRA files use such names too.
    static func unetKey(_ name: [Substring], perLevel: Int, attends: [Bool]) -> String? {
        func rest(_ count: Int) -> String { name.dropFirst(count).joined(separator: ".") }
        switch name.first {
        case "conv_in": return "input_blocks.0.0.\(rest(1))"
        case "conv_norm_out": return "out.0.\(rest(1))"
        case "conv_out": return "out.2.\(rest(1))"
        case "time_embedding":
            guard name.count > 1, let index = ["linear_1": 0, "linear_2": 2][name[1]] else { return nil }
            return "time_embed.\(index).\(rest(2))"
        case "mid_block":
            guard name.count > 3, let i = Int(name[2]) else { return nil }
            return name[1] == "resnets"
                ? resnet(name.dropFirst(3)).map { "middle_block.\(2 * i).\($0)" }
                : "middle_block.\(2 * i + 1).\(rest(3))"
        case "down_blocks", "up_blocks":
            guard name.count > 4, let level = Int(name[1]), let i = Int(name[3]) else { return nil }
            let isDown = name[0] == "down_blocks"
            let way = isDown ? "input_blocks" : "output_blocks"
            let at = level * perLevel + i + (isDown ? 1 : 0)
            switch name[2] {
            case "resnets": return resnet(name.dropFirst(4)).map { "\(way).\(at).0.\($0)" }
            case "attentions": return "\(way).\(at).1.\(rest(4))"
            case "downsamplers": return "\(way).\((level + 1) * perLevel).0.op.\(rest(5))"
            case "upsamplers":
                guard attends.indices.contains(level) else { return nil }
                return "\(way).\((level + 1) * perLevel - 1).\(attends[level] ? 2 : 1).\(rest(4))"
            default: return nil
            }
        default: return nil
        }
    }

    private static let resnetLayers: [Substring: String] = [
        "norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1",
        "norm2": "out_layers.0", "conv2": "out_layers.3", "conv_shortcut": "skip_connection",
    ]

    private static func resnet(_ name: ArraySlice<Substring>) -> String? {
        guard let first = name.first, let layer = resnetLayers[first] else { return nil }
        return ([layer] + name.dropFirst().map(String.init)).joined(separator: ".")
    }

    // MARK: VAE

    /// The autoencoder of a single file. Its decoder counts levels from the picture, not from the latent.
    ///
    /// - Parameter layers: the file's names of the attention's linear layers.
    static func vae(
        levels: Int, prefix: String = "first_stage_model.", layers: [String: String]
    ) -> CheckpointNames {
        CheckpointNames(prefix: prefix, strays: ["loss."]) {
            vaePlace($0, levels: levels, attention: layers.merging(["group_norm": "norm"]) { $1 })
        }
    }

    private static func vaePlace(
        _ name: [Substring], levels: Int, attention: [String: String]
    ) -> Place? {
        func joined(_ parts: ArraySlice<Substring>) -> String {
            parts.map { $0 == "conv_shortcut" ? "nin_shortcut" : $0 }.joined(separator: ".")
        }
        guard name.count > 2, name[0] == "encoder" || name[0] == "decoder" else {
            return Place(key: name.joined(separator: "."))  // quant_conv, post_quant_conv
        }
        let part = name[0]
        switch name[1] {
        case "conv_norm_out": return Place(key: "\(part).norm_out.\(name[2])")
        case "mid_block":
            guard name.count > 5 || (name.count > 4 && name[2] == "attentions"), let i = Int(name[3]) else {
                return nil
            }
            if name[2] == "resnets" { return Place(key: "\(part).mid.block_\(i + 1).\(joined(name[4...]))") }
            guard let layer = attention[name[4..<name.count - 1].joined(separator: ".")],
                let leaf = name.last
            else { return nil }
            return Place(
                key: "\(part).mid.attn_1.\(layer).\(leaf)", isPointwise: layer != "norm" && leaf == "weight")
        case "down_blocks", "up_blocks":
            guard name.count > 5, let level = Int(name[2]) else { return nil }
            let isDown = name[1] == "down_blocks"
            let at = isDown ? "\(part).down.\(level)" : "\(part).up.\(levels - 1 - level)"
            return name[3] == "resnets"
                ? Place(key: "\(at).block.\(name[4]).\(joined(name[5...]))")
                : Place(key: "\(at).\(isDown ? "downsample" : "upsample").\(joined(name[5...]))")
        default: return Place(key: name.joined(separator: "."))  // conv_in, conv_out
        }
    }

    // MARK: text encoders

    /// The text encoder of SD 1.x: transformers' own names.
    static let clipText = unchanged(
        prefix: "cond_stage_model.transformer.", strays: ["text_projection.", "logit_scale"])

    private static let openCLIPLayers: [String: String] = [
        "self_attn.out_proj": "attn.out_proj", "layer_norm1": "ln_1", "layer_norm2": "ln_2",
        "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    ]

    /// The text encoder of SD 2.x: OpenCLIP's names, with query, key and value in one matrix. The prompt's states are those
    /// before its last layer, so no name of that layer is translated.
    static func openCLIPText(layers: Int) -> CheckpointNames {
        let last = "transformer.resblocks.\(layers)."
        return CheckpointNames(
            prefix: "cond_stage_model.model.",
            strays: [last, "text_projection", "logit_scale", "attn_mask"], placeBelow: openCLIPPlace)
    }

    @Sendable private static func openCLIPPlace(_ name: [Substring]) -> Place? {
        let name = name.first == "text_model" ? Array(name.dropFirst()) : name
        guard let leaf = name.last else { return nil }
        switch name.dropLast().joined(separator: ".") {
        case "embeddings.token_embedding": return Place(key: "token_embedding.weight")
        case "embeddings.position_embedding": return Place(key: "positional_embedding")
        case "final_layer_norm": return Place(key: "ln_final.\(leaf)")
        default: break
        }
        guard name.count > 4, name[0] == "encoder", name[1] == "layers" else { return nil }
        let block = "transformer.resblocks.\(name[2])"
        let layer = name[3..<name.count - 1].joined(separator: ".")
        if let plain = openCLIPLayers[layer] { return Place(key: "\(block).\(plain).\(leaf)") }
        let third = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"].firstIndex(of: layer)
        return third.map { Place(key: "\(block).attn.in_proj_\(leaf)", third: $0) }
    }
}
