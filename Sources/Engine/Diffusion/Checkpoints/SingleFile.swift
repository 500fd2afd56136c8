import Failures
import Foundation
import TensorCore

/// A checkpoint that is one safetensors file, with the keys of the original Stable Diffusion 1.x and 2.x.
///
/// Such a file has no configurations. `configurations()` derives them from its shapes, and from what all models of these
/// two families have in common.
public struct SingleFile: Sendable {
    /// The file.
    public var path: String { files.path }
    let files: TensorFiles
    /// Whether it is an SD 2.x, with OpenCLIP's text encoder.
    public let isSecond: Bool

    private static let (unet, vae, text) = (
        "model.diffusion_model.", "first_stage_model.", "cond_stage_model."
    )

    /// Opens a file and recognises its family.
    ///
    /// - Throws: `model.file`; `model.unsupported`, which names the kind of another model; `model.key_missing`,
    ///   `model.key_unknown`.
    public init(path: String) throws(Failure) {
        files = try TensorFiles(file: path)
        try ForeignModel.refuse(files)
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

    /// Whether it has a VAE. A file without one needs another VAE.
    public var hasVAE: Bool { has(Self.vae) }

    private func has(_ prefix: String) -> Bool { files.keys.contains { $0.hasPrefix(prefix) } }

    /// Fails where the file lacks a network.
    ///
    /// - Throws: `model.key_missing` naming the first.
    public func require(vae: Bool = true) throws(Failure) {
        for (prefix, name) in [(Self.unet, "U-Net"), (Self.vae, "VAE"), (Self.text, "text encoder")]
        where (vae || prefix != Self.vae) && !has(prefix) {
            throw Failure(
                .badModel, code: "model.key_missing",
                message: "\(path): there is no \(name) (`\(prefix)…`) in it",
                hint: prefix == Self.vae
                    ? "Give another VAE: `models import \(path) --vae DIR|FILE`."
                    : "Use a whole checkpoint of Stable Diffusion 1.x or 2.x.")
        }
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
        try require()
        let widths: [Int] = try config.value("block_out_channels", default: [64])
        return Weights(files, names: .vae(levels: widths.count, layers: files.vaeAttentionLayers))
    }

    func textWeights(_ config: ConfigFile) throws(Failure) -> Weights {
        guard isSecond else { return Weights(files, names: .clipText) }
        return Weights(
            files, names: .openCLIPText(layers: try config.value("num_hidden_layers", default: 12)))
    }

    // MARK: what its shapes say

    /// What a network predicts, and what shows it.
    public struct Prediction: Sendable, Equatable {
        /// What it predicts.
        public let kind: NoiseSchedule.Prediction
        /// The part of the file that shows it, for people.
        public let reason: String

        /// A prediction with its reason.
        public init(kind: NoiseSchedule.Prediction, reason: String) {
            self.kind = kind
            self.reason = reason
        }
    }

    /// The words for predictions in such files: those of `modelspec.prediction_type`, and programs' variants of them.
    private static let predictionWords: [String: NoiseSchedule.Prediction] = [
        "epsilon": .epsilon, "eps": .epsilon, "noise": .epsilon,
        "v": .velocity, "v_prediction": .velocity, "v-prediction": .velocity, "v_pred": .velocity,
        "v-pred": .velocity, "vpred": .velocity, "velocity": .velocity,
    ]

    /// What the network predicts, as the file says or suggests; shapes do not show it. The writer's metadata come first
    /// (`modelspec.prediction_type`), then a tensor `v_pred`, then `modelspec.architecture`. Without these, SD 1.x and the base
    /// model of SD 2.x (its `global_step` is 875000) predict the noise, and other SD 2.x models the velocity.
    ///
    /// - Throws: `model.unsupported` where the metadata name another prediction, or contradict the tensor.
    public func prediction() throws(Failure) -> Prediction {
        let hint = "If you know what it predicts, say it: --prediction epsilon or --prediction v_prediction."
        let hasMark = files.shape("v_pred") != nil
        if let said = files.metadata["modelspec.prediction_type"] {
            let reason = "the file's metadata say `modelspec.prediction_type: \(said)`"
            guard
                let kind = Self.predictionWords[said.lowercased().trimmingCharacters(in: .whitespaces)]
            else {
                throw Failure(
                    .badModel, code: "model.unsupported",
                    message:
                        "\(path): \(reason), which is neither epsilon nor v",
                    hint: hint)
            }
            guard kind == .velocity || !hasMark else {
                throw Failure(
                    .badModel, code: "model.config",
                    message: "\(path): \(reason), but it has a tensor `v_pred`",
                    hint: hint)
            }
            return Prediction(kind: kind, reason: reason)
        }
        if hasMark { return Prediction(kind: .velocity, reason: "the file has a tensor `v_pred`") }
        guard isSecond else {
            return Prediction(kind: .epsilon, reason: "models of the 1.x family predict noise")
        }
        let architecture = files.metadata["modelspec.architecture"] ?? ""
        for (name, kind) in [
            ("stable-diffusion-v2-768-v", NoiseSchedule.Prediction.velocity),
            ("stable-diffusion-v2-512", .epsilon),
        ] where architecture == name {
            return Prediction(
                kind: kind, reason: "the file's metadata say `modelspec.architecture: \(architecture)`")
        }
        if files.tensor("global_step")?.values.first == 875_000 {
            return Prediction(kind: .epsilon, reason: "its `global_step` is that of the 2.0 base model")
        }
        return Prediction(kind: .velocity, reason: "models of the 2.x family at 768 pixels predict velocity")
    }

    /// Whether the file itself states what it predicts.
    public var saysPrediction: Bool {
        files.metadata["modelspec.prediction_type"] != nil || files.shape("v_pred") != nil
    }

    /// Whether the file says that its last training timestep is pure noise: a tensor `ztsnr`.
    public var endsInNoise: Bool { files.shape("ztsnr") != nil }

    /// The configurations for the networks' folders, as JSON, by path in the model folder.
    ///
    /// - Parameters:
    ///   - prediction: what the network predicts, if the user states it.
    ///   - other: the folder or file of a VAE that replaces the file's own.
    public func configurations(prediction: NoiseSchedule.Prediction, vae other: String?) throws(Failure)
        -> [String: Data]
    {
        let vae =
            hasVAE
            ? try VAEFile(files, prefix: Self.vae).sizes
            : try other.map { path throws(Failure) in try VAEFile(path: path)?.sizes ?? [:] } ?? [:]
        let objects: [String: [String: Any]] = [
            "unet/config.json": try unetConfiguration(prediction),
            "vae/config.json": vae.merging([
                "_class_name": "AutoencoderKL", "scaling_factor": 0.18215,
            ]) { $1 },
            "text_encoder/config.json": try textConfiguration(),
            "scheduler/scheduler_config.json": [
                "_class_name": "DDIMScheduler", "num_train_timesteps": 1000, "beta_start": 0.00085,
                "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": false,
                "set_alpha_to_one": false, "steps_offset": 1, "prediction_type": prediction.rawValue,
                "rescale_betas_zero_snr": endsInNoise,
            ],
        ]
        // The objects hold strings, numbers and lists alone, so writing them cannot fail.
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
            // Shapes do not show the heads: 1.x has eight, and those of 2.x have 64 channels each.
            "attention_head_dim": isLinear || isSecond ? widths.map { max(1, $0 / 64) } : [8],
            "sample_size": isSecond && prediction == .velocity ? 96 : 64,
        ]
    }

    private func textConfiguration() throws(Failure) -> [String: Any] {
        // Conversions from transformers 5 leave out `text_model.`.
        let nested = "transformer.text_model."
        let model =
            Self.text + (isSecond ? "model." : has(Self.text + nested) ? nested : "transformer.")
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
    /// The shape of a required tensor with at least so many dimensions.
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

    /// How many consecutive numbers, from 0, give a key that the file has.
    func count(_ key: (Int) -> String) -> Int {
        var n = 0
        while shape(key(n)) != nil { n += 1 }
        return n
    }
}
