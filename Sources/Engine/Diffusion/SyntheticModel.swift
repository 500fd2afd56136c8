import Failures
import TensorCore

extension DiffusionModel {
    /// The networks of Stable Diffusion 1.5 and CLIP ViT-B/16 at their real sizes, with random weights in f16, for
    /// measurements. Tokenizers and noise schedule are those of `base`.
    public static func syntheticStableDiffusion15(base: DiffusionModel) throws(Failure) -> DiffusionModel {
        func config(_ object: [String: Any]) -> ConfigFile {
            ConfigFile(path: "synthetic sd15", object: object)
        }
        let text: [String: Any] = [
            "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
            "max_position_embeddings": 77, "vocab_size": 49408, "hidden_act": "quick_gelu",
        ]
        var clipText = text
        clipText["hidden_size"] = 512
        clipText["intermediate_size"] = 2048
        clipText["num_attention_heads"] = 8
        let vision: [String: Any] = [
            "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
            "patch_size": 16, "image_size": 224, "hidden_act": "quick_gelu",
        ]
        var model = base
        model.unet = try UNet(
            config(["cross_attention_dim": 768, "attention_head_dim": 8, "sample_size": 64]), .synthetic)
        model.vae = try VAE(
            config(["block_out_channels": [128, 256, 512, 512], "layers_per_block": 2]), .synthetic)
        model.textEncoder = try TextEncoder(.synthetic, config(text))
        if let guide = base.guide {
            let clip = try CLIP(
                config(["projection_dim": 512, "text_config": clipText, "vision_config": vision]), .synthetic,
                mean: [0.5, 0.5, 0.5], deviation: [0.25, 0.25, 0.25])
            model.guide = Guide(clip: clip, tokenizer: guide.tokenizer)
        }
        return model
    }
}
