extension Setting {
    /// What Diffusers, the web interfaces for Stable Diffusion and other programs that drag call a setting.
    public static let namesElsewhere: [String: [String]] = [
        "steps": ["max_steps", "num_steps"],
        "drag_steps": ["max_steps"], "iterations": ["max_steps"], "max_iter": ["max_steps"],
        "n_pix_step": ["max_steps"], "n_steps": ["max_steps", "num_steps"],
        "num_inference_steps": ["num_steps"], "n_inference_step": ["num_steps"],
        "ddim_steps": ["num_steps"], "sampling_steps": ["num_steps"],
        "strength": ["inversion_strength"], "denoise": ["inversion_strength"],
        "denoising_strength": ["inversion_strength"],
        "cfg": ["text_sampling"], "cfg_scale": ["text_sampling"], "guidance": ["text_sampling"],
        "guidance_scale": ["text_sampling"],
        "clip_guidance_scale": ["clip_weight"], "clip_scale": ["clip_weight"],
        "lr": ["latent_lr", "lora.lr"], "learning_rate": ["latent_lr", "lora.lr"],
        "lam": ["mask_weight"], "mask_lambda": ["mask_weight"],
        "r_m": ["r1"], "r_p": ["r2"], "unet_feature_idx": ["feature_block"],
        "lora_steps": ["lora.steps"], "lora_step": ["lora.steps"], "max_train_steps": ["lora.steps"],
        "lora_lr": ["lora.lr"], "lora_rank": ["lora.rank"], "network_dim": ["lora.rank"],
        "lora_batch_size": ["lora.batch"], "batch_size": ["lora.batch"],
        "padding": ["region_padding"], "inpaint_full_res_padding": ["region_padding"],
        "stretch": ["warp"], "time_limit": ["budget"], "timeout": ["budget"],
    ]

    /// The settings that another program calls by a name.
    static func calledElsewhere(_ name: String) -> [Setting] {
        (namesElsewhere[name.lowercased()] ?? []).compactMap { ours in all.first { $0.name == ours } }
    }
}
