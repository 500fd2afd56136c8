extension Setting {
    /// The groups, in the order of the documentation.
    public static let groups = [Group(name: "lora", text: "Identity fine-tuning.")]

    /// The table of settings, in the order of the documentation.
    public static let all: [Setting] = [
        Setting("num_steps", \.stepCount, .integer(1...1000), "Steps of the whole noise schedule."),
        Setting(
            "inversion_strength", \.inversionStrength, .number(0.001...1),
            "Part of the schedule that is inverted and sampled again."),
        Setting("max_steps", \.dragStepLimit, .integer(0...10000), "Drag steps at most."),
        Setting("latent_lr", \.latentLearningRate, .number(1e-6...10), "Step size of the drag."),
        Setting("beta1", \.beta1, .number(0...0.999999), "Adam's first decay."),
        Setting("beta2", \.beta2, .number(0...0.9999999), "Adam's second decay."),
        Setting("eps", \.epsilon, .number(1e-12...1), "Adam's epsilon."),
        Setting(
            "r1", \.supervisionRadius, .integer(0...64),
            "Radius of motion supervision in grid cells; null scales it with the picture."),
        Setting(
            "r2", \.trackingRadius, .integer(1...128),
            "Radius of point tracking in grid cells; null scales it with the picture."),
        Setting(
            "reach", \.reach, .number(1e-6...1000),
            "A handle nearer to its target than this many cells has arrived."),
        Setting(
            "lambda", \.fusionWeight, .number(0...1000), "Weight of the text's gradient in the fusion."),
        Setting("clip_weight", \.clipWeight, .number(0...1e6), "Weight of the CLIP loss."),
        Setting("mask_weight", \.maskWeight, .number(0...1e6), "Weight of the mask term."),
        Setting("fusion", \.fusion, "How the two gradients are joined."),
        Setting("fusion_conflict", \.fusionConflict, "What clipdrag does when they disagree."),
        Setting("tracking", \.tracking, "Which cells point tracking admits."),
        Setting("step_length", \.stepLength, "Length of a supervision step."),
        Setting("mask_term", \.maskTerm, "What the mask holds still."),
        Setting("clip_range", \.clipRange, "Range of CLIP's input."),
        Setting(
            "feature_block", \.featureBlock, .integer(-1...64),
            "Block whose features are compared: 0 is the middle block, -1 the last."),
        Setting(
            "start_step", \.controlStartStep, .integer(0...1000),
            "First sampling step under reference control."),
        Setting(
            "start_layer", \.controlStartLayer, .integer(-1...256),
            "First self-attention layer under reference control; -1 is the last 3/8."),
        Setting(
            "auto_mask", \.autoMask, .flag, "Whether drags without a mask get one from their surroundings."),
        Setting(
            "warp", \.warp, .number(0...1),
            "Part of each drag by which the picture is stretched before the first step; 0 for none."),
        Setting(
            "text_steps", \.textSteps, .integer(0...10000),
            "Steps that an edit prompt gets at least, though the drags have arrived."),
        Setting(
            "text_sampling", \.textSampling, .number(0...20),
            "Guidance towards the edit prompt while sampling; 0 for none."),
        Setting(
            "text_freedom", \.textFreedom, .number(0...1),
            "Part of the sampling steps without reference control while the edit prompt guides them."),
        Setting(
            "region_padding", \.regionPadding, .number(0...4),
            "Part of the edited region's box that is added on every side."),
        Setting(
            "keep_source", \.keepsSource, .flag,
            "Whether the result keeps the source's own pixels where the edit changes nothing."),
        Setting(
            "patience", \.patience, .integer(1...10000),
            "Ends the drag after this many steps without progress."),
        Setting("budget", \.budget, .duration, "Time the whole edit may take."),
        Setting(
            "guidance_decoder", \.guidanceDecoder,
            "Whether CLIP sees the whole decoded picture or a small one."),
        Setting("lora.steps", \.lora.steps, .integer(0...10000), "Fine-tuning steps; 0 skips it."),
        Setting("lora.rank", \.lora.rank, .integer(1...256), "Rank of the fine-tuning."),
        Setting("lora.batch", \.lora.batch, .integer(1...64), "Samples a fine-tuning step."),
        Setting("lora.lr", \.lora.learningRate, .number(1e-8...1), "Step size of fine-tuning."),
        Setting("lora.beta1", \.lora.beta1, .number(0...0.999999), "AdamW's first decay."),
        Setting("lora.beta2", \.lora.beta2, .number(0...0.9999999), "AdamW's second decay."),
        Setting("lora.eps", \.lora.epsilon, .number(1e-12...1), "AdamW's epsilon."),
        Setting("lora.weight_decay", \.lora.weightDecay, .number(0...1), "AdamW's weight decay."),
    ]
}
