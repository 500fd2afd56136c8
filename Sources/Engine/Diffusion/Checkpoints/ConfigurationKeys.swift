import Failures
import Foundation

/// How this program treats the keys of one kind of configuration. It applies a key, ignores it because nothing that it computes
/// depends on it, or supports some of its values. It refuses every other key, which may change the network (docs/models.md).
struct ConfigurationKeys {
    /// The supported values of a key.
    enum Accepted {
        /// Absent, null, false or empty: the key's feature is off.
        case off
        /// One word.
        case word(String)
        /// A list of one word, any number of times.
        case words(String)
        /// One number.
        case number(Double)
        /// The number 0.
        case zero
        /// true.
        case on

        func accepts(_ value: Any) -> Bool {
            switch self {
            case .off: Self.isOff(value)
            case .word(let word): value as? String == word
            case .words(let word):
                (value as? [String])?.allSatisfy { $0 == word } ?? (value as? String == word)
            case .number(let number): (value as? NSNumber)?.doubleValue == number
            case .zero: (value as? NSNumber)?.doubleValue == 0
            case .on: (value as? Bool) == true
            }
        }

        private static func isOff(_ value: Any) -> Bool {
            if let flag = value as? Bool { return !flag }
            if let flags = value as? [Bool] { return flags.allSatisfy { !$0 } }
            return (value as? [Any])?.isEmpty == true || (value as? [String: Any])?.isEmpty == true
        }
    }

    /// Keys that the networks' initialisers read.
    let applied: Set<String>
    /// Keys that change nothing that the program computes.
    let harmless: Set<String>
    /// Keys with some supported values, and why the others are not supported.
    let limited: [String: (accepted: Accepted, reason: String)]

    private static let family = "that is another family of models"

    static let unet = ConfigurationKeys(
        applied: [
            "in_channels", "out_channels", "sample_size", "block_out_channels", "layers_per_block",
            "norm_num_groups", "norm_eps", "cross_attention_dim", "attention_head_dim", "num_attention_heads",
            "transformer_layers_per_block", "down_block_types", "up_block_types", "use_linear_projection",
            "flip_sin_to_cos", "freq_shift",
        ],
        harmless: [
            // Of training, or of sizes that other keys switch on.
            "dropout", "upcast_attention", "addition_embed_type_num_heads", "addition_time_embed_dim",
            "projection_class_embeddings_input_dim",
            // Of the copy with averaged weights.
            "decay", "inv_gamma", "min_decay", "optimization_step", "power", "update_after_step",
            "use_ema_warmup",
        ],
        limited: [
            "addition_embed_type": (.off, "that is Stable Diffusion XL"),
            "class_embed_type": (.off, "class embeddings are not supported"),
            "num_class_embeds": (.off, "class embeddings are not supported"),
            "class_embeddings_concat": (.off, "class embeddings are not supported"),
            "encoder_hid_dim": (.off, family), "encoder_hid_dim_type": (.off, family),
            "dual_cross_attention": (.off, family), "time_cond_proj_dim": (.off, "that is a distilled model"),
            "resnet_skip_time_act": (.off, family), "cross_attention_norm": (.off, family),
            "only_cross_attention": (.off, family), "mid_block_only_cross_attention": (.off, family),
            "reverse_transformer_layers_per_block": (.off, family),
            "resnet_time_scale_shift": (.word("default"), family),
            "time_embedding_type": (.word("positional"), family), "time_embedding_dim": (.off, family),
            "time_embedding_act_fn": (.off, family), "timestep_post_act": (.off, family),
            "attention_type": (.word("default"), "that is GLIGEN"),
            "act_fn": (.word("silu"), "only SiLU is supported"),
            "mid_block_type": (.word("UNetMidBlock2DCrossAttn"), family),
            "center_input_sample": (.off, "a shifted input is not supported"),
            "downsample_padding": (.number(1), "only a padding of 1 is supported"),
            "mid_block_scale_factor": (.number(1), "only a factor of 1 is supported"),
            "resnet_out_scale_factor": (.number(1), "only a factor of 1 is supported"),
            "conv_in_kernel": (.number(3), "only kernels of 3 cells are supported"),
            "conv_out_kernel": (.number(3), "only kernels of 3 cells are supported"),
        ])

    static let vae = ConfigurationKeys(
        applied: [
            "block_out_channels", "layers_per_block", "latent_channels", "norm_num_groups", "scaling_factor",
            "mid_block_add_attention", "use_quant_conv", "use_post_quant_conv",
        ],
        harmless: ["sample_size", "force_upcast"],
        limited: [
            "in_channels": (.number(3), "pictures have 3 channels"),
            "out_channels": (.number(3), "pictures have 3 channels"),
            "act_fn": (.word("silu"), "only SiLU is supported"),
            "down_block_types": (.words("DownEncoderBlock2D"), "other blocks are not supported"),
            "up_block_types": (.words("UpDecoderBlock2D"), "other blocks are not supported"),
            "shift_factor": (.zero, "latents with a shift are those of newer model families"),
            "latents_mean": (.off, "latents with means are those of newer model families"),
            "latents_std": (.off, "latents with deviations are those of newer model families"),
        ])

    /// Keys of every configuration of transformers: of training, generation and bookkeeping.
    private static let transformers: Set<String> = [
        "add_cross_attention", "architectures", "attention_dropout", "bad_words_ids",
        "begin_suppress_tokens", "bos_token_id", "chunk_size_feed_forward", "cross_attention_hidden_size",
        "decoder_start_token_id", "diversity_penalty", "do_sample", "dropout", "dtype", "early_stopping",
        "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "finetuning_task",
        "forced_bos_token_id", "forced_eos_token_id", "gradient_checkpointing", "id2label",
        "initializer_factor", "initializer_range", "is_encoder_decoder", "label2id", "length_penalty",
        "max_length", "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
        "num_return_sequences", "output_attentions", "output_hidden_states", "output_scores",
        "pad_token_id", "prefix", "problem_type", "projection_dim", "remove_invalid_values",
        "repetition_penalty", "return_dict", "return_dict_in_generate", "sep_token_id", "suppress_tokens",
        "task_specific_params", "temperature", "tf_legacy_loss", "tie_encoder_decoder",
        "tie_word_embeddings", "tokenizer_class", "top_k", "top_p", "torch_dtype", "torchscript",
        "transformers_version", "typical_p", "use_bfloat16", "use_cache",
    ]

    private static func encoder(_ model: String) -> ConfigurationKeys {
        ConfigurationKeys(
            applied: [
                "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                "max_position_embeddings", "hidden_act", "layer_norm_eps", "eos_token_id", "image_size",
                "patch_size",
            ],
            harmless: transformers,
            limited: [
                "model_type": (.word(model), family), "is_decoder": (.off, family),
                "num_channels": (.number(3), "pictures have 3 channels"),
                "quantization_config": (.off, "quantised weights are not supported"),
                "pruned_heads": (.off, "pruned heads are not supported"),
            ])
    }

    static let clipText = encoder("clip_text_model")
    static let clipVision = encoder("clip_vision_model")
    static let clip = ConfigurationKeys(
        applied: [
            "text_config", "vision_config", "text_config_dict", "vision_config_dict", "projection_dim",
        ],
        harmless: transformers.union(["logit_scale_init_value"]),
        limited: [
            "model_type": (.word("clip"), family),
            "quantization_config": (.off, "quantised weights are not supported"),
        ])

    /// Keys of all schedulers for these models. This program always samples by DDIM with leading timesteps
    /// (docs/algorithm.md), so a scheduler's own way of stepping does not matter.
    static let scheduler = ConfigurationKeys(
        applied: [
            "num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "set_alpha_to_one",
            "steps_offset", "prediction_type", "rescale_betas_zero_snr",
        ],
        harmless: [
            "algorithm_type", "clip_sample", "clip_sample_range", "corrector_order", "disable_corrector",
            "dynamic_thresholding_ratio", "euler_at_final", "final_sigmas_type", "flow_shift",
            "interpolation_type", "lambda_min_clipped", "lower_order_final", "noise_sampler_seed",
            "original_inference_steps", "predict_x0", "predictor_order", "sample_max_value", "sigma_max",
            "sigma_min", "skip_prk_steps", "solver_order", "solver_p", "solver_type", "tau_func",
            "tensor_format", "time_shift_type", "timestep_scaling", "timestep_spacing",
            "use_beta_sigmas", "use_exponential_sigmas", "use_karras_sigmas", "use_lu_lambdas",
            "variance_type",
        ],
        limited: [
            "trained_betas": (.off, "a schedule given as a list is not supported"),
            "thresholding": (.off, "thresholds are for pixels, not for latents"),
            "use_flow_sigmas": (.off, "that is a flow model"),
            "use_dynamic_shifting": (.off, "that is a flow model"),
            "shift_terminal": (.off, "that is a flow model"),
            "snr_shift_scale": (.off, family), "predict_epsilon": (.on, "the network predicts the picture"),
            "timestep_type": (
                .word("discrete"), "continuous timesteps are those of another family of models"
            ),
        ])
}

extension ConfigFile {
    /// Refuses unsupported values and unknown keys.
    ///
    /// - Throws: `model.unsupported` naming file and key.
    func check(_ keys: ConfigurationKeys) throws(Failure) {
        for key in self.keys where !key.hasPrefix("_") {
            guard let found = found(key) else { continue }
            if let (accepted, reason) = keys.limited[key] {
                guard accepted.accepts(found) else {
                    throw Failure(
                        .badModel, code: "model.unsupported",
                        message: "\(path): `\(key)` is \(found): \(reason)",
                        hint: "Use a Stable Diffusion 1.x or 2.x model.")
                }
            } else if !keys.applied.contains(key), !keys.harmless.contains(key) {
                throw Failure(
                    .badModel, code: "model.unsupported",
                    message:
                        "\(path): the key `\(key)` (\(found)) is not known here, and may change what is computed",
                    hint:
                        "If it changes nothing, remove it from the file; docs/models.md lists the keys that are known."
                )
            }
        }
    }

    /// Refuses a class that is not in the list. A configuration without a class passes.
    func checkClass(_ names: [String], hint: String) throws(Failure) {
        guard let found = found("_class_name") as? String, !names.contains(found) else { return }
        throw Failure(
            .badModel, code: "model.unsupported",
            message: "\(path): `_class_name` is \(found), which is not supported",
            hint: hint)
    }
}
