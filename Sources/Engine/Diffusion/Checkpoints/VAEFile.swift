import Failures
import Foundation
import TensorCore

/// A VAE in a file, alone or in a whole checkpoint, under the original keys or diffusers', with or without a prefix.
///
/// Such a file has no configuration: its shapes give the sizes.
struct VAEFile {
    let files: TensorFiles
    /// The prefix of its keys.
    let prefix: String
    /// Whether it has diffusers' names; else the original ones.
    let isDiffusers: Bool
    /// The configuration that its shapes give.
    let sizes: [String: Any]

    private static let hint = "Use the whole VAE of a Stable Diffusion 1.x or 2.x model (AutoencoderKL)."

    /// Opens a VAE file; nil for a folder.
    init?(path: String) throws(Failure) {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw Failure(
                .badModel, code: "model.missing", message: "\(path) is not there",
                hint: "Give a VAE's folder or file.")
        }
        if isFolder.boolValue { return nil }
        try ForeignModel.refuse(pickle: path)
        let files = try TensorFiles(file: path)
        let mark = "decoder.conv_in.weight"
        guard
            let prefix = files.keys.filter({ $0.hasSuffix(mark) }).map({ String($0.dropLast(mark.count)) })
                .min(
                    by: { $0.count < $1.count })
        else {
            let isTiny = files.keys.contains { $0.contains("decoder.layers.") }
            throw Failure(
                .badModel, code: isTiny ? "model.unsupported" : "model.key_missing",
                message: isTiny
                    ? "\(path) is a VAE of another kind (AutoencoderTiny), which is not supported"
                    : "\(path) is no VAE: there is no tensor `\(mark)`", hint: Self.hint)
        }
        try self.init(files, prefix: prefix)
    }

    /// - Throws: `model.unsupported` for a part of a VAE, or another kind; `model.key_missing`.
    init(_ files: TensorFiles, prefix: String) throws(Failure) {
        self.files = files
        self.prefix = prefix
        func unsupported(_ what: String) -> Failure {
            Failure(.badModel, code: "model.unsupported", message: "\(files.path) \(what)", hint: Self.hint)
        }
        guard files.shape("\(prefix)encoder.conv_in.weight") != nil else {
            throw unsupported(
                "has a VAE's decoder alone; an edit encodes the picture too, and needs the encoder")
        }
        guard !files.keys.contains(where: { $0.hasPrefix("\(prefix)quantize.") }) else {
            throw unsupported("is a VAE of another kind (VQ), which is not supported")
        }
        let isDiffusers = files.keys.contains { $0.hasPrefix("\(prefix)encoder.down_blocks.") }
        self.isDiffusers = isDiffusers
        func block(_ level: Int, _ layer: Int) -> String {
            isDiffusers
                ? "\(prefix)encoder.down_blocks.\(level).resnets.\(layer).conv1.weight"
                : "\(prefix)encoder.down.\(level).block.\(layer).conv1.weight"
        }
        var widths: [Int] = []
        while files.shape(block(widths.count, 0)) != nil {
            widths.append(try files.required(block(widths.count, 0))[0])
        }
        guard !widths.isEmpty else {
            throw Failure(
                .badModel, code: "model.key_missing",
                message: "\(files.path): there is no tensor `\(block(0, 0))`",
                hint: Self.hint)
        }
        let latent = try files.required("\(prefix)decoder.conv_in.weight", dimensions: 2)[1]
        guard latent == 4 else {
            throw unsupported(
                "is the VAE of another family of models, with \(latent) channels in its latents")
        }
        let middle = isDiffusers ? "mid_block.attentions.0." : "mid.attn_1."
        sizes = [
            "block_out_channels": widths, "layers_per_block": files.count { block(0, $0) },
            "latent_channels": latent,
            "down_block_types": widths.map { _ in "DownEncoderBlock2D" },
            "up_block_types": widths.map { _ in "UpDecoderBlock2D" },
            "mid_block_add_attention": files.keys.contains { $0.hasPrefix("\(prefix)decoder.\(middle)") },
            "use_quant_conv": files.shape("\(prefix)quant_conv.weight") != nil,
            "use_post_quant_conv": files.shape("\(prefix)post_quant_conv.weight") != nil,
        ]
    }

    /// The weights under diffusers' names.
    var weights: Weights {
        let levels = (sizes["block_out_channels"] as? [Int])?.count ?? 0
        return Weights(
            files,
            names: isDiffusers
                ? .unchanged(prefix: prefix, strays: ["loss."])
                : .vae(levels: levels, prefix: prefix, layers: files.vaeAttentionLayers))
    }
}

extension TensorFiles {
    /// The names of a VAE's attention layers among the original keys. Some of diffusers' conversions kept its own names there.
    var vaeAttentionLayers: [String: String] {
        for names in [
            ["to_q": "to_q", "to_k": "to_k", "to_v": "to_v", "to_out.0": "to_out.0"],
            ["to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"],
        ] where keys.contains(where: { $0.hasSuffix("mid.attn_1.\(names["to_q"] ?? "").weight") }) {
            return names
        }
        return ["to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"]
    }
}

extension VAE {
    /// A VAE alone: a folder as diffusers publishes it, or a file under the original keys or diffusers', with or without
    /// `first_stage_model.` before them.
    ///
    /// A file's shapes give its sizes. The groups of the norms and the scaling factor come from the `config.json` beside the
    /// file, or else from `model`, the configuration of the VAE that it replaces.
    static func alone(path: String, like model: ConfigFile) throws(Failure) -> (vae: VAE, weights: Weights) {
        let (config, weights): (ConfigFile, Weights)
        if let file = try VAEFile(path: path) {
            let folder = URL(filePath: path).deletingLastPathComponent().path(percentEncoded: false)
            let beside = "\(folder.hasSuffix("/") ? String(folder.dropLast()) : folder)/config.json"
            let said =
                beside != model.path && FileManager.default.fileExists(atPath: beside)
                ? try ConfigFile(path: beside) : nil
            let base = said?.text("_class_name") == "AutoencoderKL" ? said : nil
            config = (base ?? model).overlaid(by: file.sizes, path: path)
            weights = file.weights
        } else {
            config = try ConfigFile(path: path + "/config.json")
            weights = Weights(try ModelLayout.files(path, "diffusion_pytorch_model"))
        }
        let vae = try VAE(config, weights)
        try weights.finish()
        return (vae, weights)
    }
}
