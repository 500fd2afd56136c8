import Failures
import Foundation
import TensorCore

/// A checkpoint that is one safetensors file, with the keys of the original Stable Diffusion 1.x and 2.x.
///
/// It has no configurations: `configurations()` derives them from its shapes, and from what all models of these two
/// families have in common.
public struct SingleFile: Sendable {
    /// The file.
    public var path: String { files.path }
    let files: TensorFiles
    /// SD 2.x: its text encoder is OpenCLIP's.
    public let isSecond: Bool

    private static let (unet, vae, text) = (
        "model.diffusion_model.", "first_stage_model.", "cond_stage_model."
    )

    /// Opens a file and tells what it is.
    ///
    /// - Throws: `model.file`; `model.unsupported` for what is no Stable Diffusion 1.x or 2.x, saying what it is;
    ///   `model.key_missing`, `model.key_unknown`.
    public init(path: String) throws(Failure) {
        files = try TensorFiles(file: path)
        try ForeignModel.refuse(files)
        for (prefix, name) in [(Self.unet, "U-Net"), (Self.vae, "VAE"), (Self.text, "text encoder")]
        where !files.keys.contains(where: { $0.hasPrefix(prefix) }) {
            throw Failure(
                .badModel, code: "model.key_missing",
                message: "\(path): there is no \(name) (`\(prefix)…`) in it",
                hint: "Use a whole checkpoint of Stable Diffusion 1.x or 2.x.")
        }
        let unknown = files.keys.filter { key in
            !key.hasPrefix(Self.unet) && !key.hasPrefix(Self.vae) && !key.hasPrefix(Self.text)
                && !Weights.isStray(key) && !Self.isTrainingState(key)
        }.sorted()
        if let first = unknown.first {
            throw Failure(
                .badModel, code: "model.key_unknown",
                message: "\(path): no network has a tensor `\(first)`"
                    + (unknown.count > 1 ? " and \(unknown.count - 1) more" : ""),
                hint: "Use a checkpoint of Stable Diffusion 1.x or 2.x.")
        }
        isSecond = files.keys.contains { $0.hasPrefix("cond_stage_model.model.") }
    }

    /// Tables of the schedule and counters, which published files carry beside the networks.
    private static func isTrainingState(_ key: String) -> Bool {
        [
            "betas", "alphas_cumprod", "sqrt_", "log_one_minus_", "posterior_", "logvar", "lvlb_weights",
            "scale_factor", "global_step", "v_pred", "ztsnr",
        ].contains { key.hasPrefix($0) }
    }

    // MARK: the networks

    func unetWeights(_ config: ConfigFile) throws(Failure) -> Weights {
        Weights(files, names: .unet(try UNetShape(config)))
    }

    func vaeWeights(_ config: ConfigFile) throws(Failure) -> Weights {
        let widths: [Int] = try config.value("block_out_channels", default: [64])
        return Weights(files, names: .vae(levels: widths.count))
    }

    func textWeights(_ config: ConfigFile) throws(Failure) -> Weights {
        guard isSecond else { return Weights(files, names: .clipText) }
        return Weights(
            files, names: .openCLIPText(layers: try config.value("num_hidden_layers", default: 12)))
    }

    // MARK: what its shapes say

    /// What a network predicts, and how that is known.
    public struct Prediction: Sendable, Equatable {
        /// What it predicts.
        public let kind: NoiseSchedule.Prediction
        /// Where that was read.
        public let reason: String
    }

    /// What the file says or suggests that the network predicts. No shape tells: the writer's metadata count first
    /// (`modelspec.prediction_type`), then a tensor `v_pred`; SD 1.x predicts noise; of SD 2.x the base model, known by its
    /// `global_step` of 875000, predicts noise, all others the velocity.
    public var prediction: Prediction {
        if let said = files.metadata["modelspec.prediction_type"] {
            let isVelocity = said.lowercased().hasPrefix("v")
            return Prediction(
                kind: isVelocity ? .velocity : .epsilon,
                reason: "the file's metadata say `modelspec.prediction_type: \(said)`")
        }
        if files.shape("v_pred") != nil {
            return Prediction(kind: .velocity, reason: "the file has a tensor `v_pred`")
        }
        guard isSecond else {
            return Prediction(kind: .epsilon, reason: "models of the 1.x family predict noise")
        }
        if files.tensor("global_step")?.values.first == 875_000 {
            return Prediction(kind: .epsilon, reason: "its `global_step` is that of the 2.0 base model")
        }
        return Prediction(kind: .velocity, reason: "models of the 2.x family at 768 pixels predict velocity")
    }

    /// The configurations that the networks' folders would have, as JSON objects, by path in the model folder.
    ///
    /// - Parameter prediction: what the network predicts, where the user knows better.
    public func configurations(prediction: NoiseSchedule.Prediction) throws(Failure) -> [String: Data] {
        let objects: [String: [String: Any]] = [
            "unet/config.json": try unetConfiguration(prediction),
            "vae/config.json": try files.vaeSizes(prefix: Self.vae).values.merging([
                "_class_name": "AutoencoderKL", "scaling_factor": 0.18215,
            ]) { $1 },
            "text_encoder/config.json": try textConfiguration(),
            "scheduler/scheduler_config.json": [
                "_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085,
                "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": false,
                "set_alpha_to_one": false, "steps_offset": 1, "prediction_type": prediction.rawValue,
            ],
        ]
        // Objects of strings, numbers and lists: that they can be written is certain.
        return objects.mapValues { object in
            (try? JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys]))
                ?? Data()
        }
    }

    private func unetConfiguration(_ prediction: NoiseSchedule.Prediction) throws(Failure) -> [String: Any] {
        let blocks = Self.unet + "input_blocks."
        let input = try files.required("\(blocks)0.0.weight", dimensions: 4)
        let output = try files.required("\(Self.unet)out.2.weight")
        var widths: [Int] = []
        var depths: [Int] = []
        var attends: [Bool] = []
        var block = 1
        func residual(_ block: Int) -> String { "\(blocks)\(block).0.out_layers.3.weight" }
        while files.shape(residual(block)) != nil {
            var depth = 0
            attends.append(files.shape("\(blocks)\(block).1.proj_in.weight") != nil)
            widths.append(try files.required(residual(block))[0])
            while files.shape(residual(block)) != nil {
                depth += 1
                block += 1
            }
            depths.append(depth)
            block += 1  // the downsampler
        }
        guard let layers = depths.first, depths.allSatisfy({ $0 == layers }),
            let first = attends.firstIndex(of: true)
        else {
            throw Failure(
                .badModel, code: "model.unsupported",
                message: "\(path): its U-Net's blocks are not those of Stable Diffusion 1.x or 2.x",
                hint: "Use a checkpoint of Stable Diffusion 1.x or 2.x.")
        }
        let attention = "\(blocks)\(first * (layers + 1) + 1).1."
        let isLinear = try files.required("\(attention)proj_in.weight").count == 2
        let textWidth = try files.required("\(attention)transformer_blocks.0.attn2.to_k.weight").last ?? 0
        return [
            "_class_name": "UNet2DConditionModel", "in_channels": input[1], "out_channels": output[0],
            "block_out_channels": widths, "layers_per_block": layers, "cross_attention_dim": textWidth,
            "down_block_types": attends.map { $0 ? "CrossAttnDownBlock2D" : "DownBlock2D" },
            "up_block_types": attends.reversed().map { $0 ? "CrossAttnUpBlock2D" : "UpBlock2D" },
            "use_linear_projection": isLinear,
            "transformer_layers_per_block": files.count {
                "\(attention)transformer_blocks.\($0).norm1.weight"
            },
            // Heads leave no trace in the shapes: eight of them in 1.x, 64 channels each in 2.x.
            "attention_head_dim": isLinear ? widths.map { max(1, $0 / 64) } : [8],
            "sample_size": isSecond && prediction == .velocity ? 96 : 64,
        ]
    }

    private func textConfiguration() throws(Failure) -> [String: Any] {
        let model = Self.text + (isSecond ? "model." : "transformer.text_model.")
        let tokens = try files.required(
            model + (isSecond ? "token_embedding.weight" : "embeddings.token_embedding.weight"))
        let positions = try files.required(
            model + (isSecond ? "positional_embedding" : "embeddings.position_embedding.weight"))
        let width = tokens.last ?? 0
        let first = isSecond ? "transformer.resblocks.0.mlp.c_fc.weight" : "encoder.layers.0.mlp.fc1.weight"
        let layers = files.count {
            model
                + (isSecond
                    ? "transformer.resblocks.\($0).ln_1.weight" : "encoder.layers.\($0).layer_norm1.weight")
        }
        return [
            "architectures": ["CLIPTextModel"], "hidden_size": width, "vocab_size": tokens[0],
            "max_position_embeddings": positions[0],
            "intermediate_size": try files.required(model + first)[0],
            // The prompt's states are those before OpenCLIP's last layer.
            "num_hidden_layers": isSecond ? layers - 1 : layers,
            "num_attention_heads": max(1, width / 64), "hidden_act": isSecond ? "gelu" : "quick_gelu",
        ]
    }
}

extension TensorFiles {
    /// The shape of a tensor that must be there, with so many dimensions at least.
    func required(_ key: String, dimensions: Int = 1) throws(Failure) -> [Int] {
        let hint = "The download is incomplete, or this is another kind of model."
        guard let shape = shape(key) else {
            throw Failure(
                .badModel, code: "model.key_missing", message: "\(path): there is no tensor `\(key)`",
                hint: hint)
        }
        guard shape.count >= dimensions else {
            throw Failure(
                .badModel, code: "model.shape", message: "\(path): `\(key)` has the shape \(shape)",
                hint: hint)
        }
        return shape
    }

    /// How many consecutive numbers from 0 make a key that is there.
    func count(_ key: (Int) -> String) -> Int {
        var n = 0
        while shape(key(n)) != nil { n += 1 }
        return n
    }

    /// The sizes of a VAE with the original keys, as its configuration names them, and its number of levels.
    func vaeSizes(prefix: String) throws(Failure) -> (values: [String: Any], levels: Int) {
        var widths: [Int] = []
        func block(_ level: Int) -> String { "\(prefix)encoder.down.\(level).block.0.conv1.weight" }
        while shape(block(widths.count)) != nil { widths.append(try required(block(widths.count))[0]) }
        let values: [String: Any] = [
            "block_out_channels": widths,
            "layers_per_block": count { "\(prefix)encoder.down.0.block.\($0).conv1.weight" },
            "latent_channels": try required("\(prefix)decoder.conv_in.weight").dropFirst().first ?? 4,
        ]
        return (values, widths.count)
    }
}
