extension Setting {
    /// The groups, in the order of the documentation.
    public static let groups = [
        Group(name: "lora", text: "Fine-tuning of a LoRA on the source picture, which keeps its identity."),
        Group(name: "gooddrag", text: "The method `gooddrag`."),
        Group(name: "freedrag", text: "The method `freedrag`."),
        Group(name: "stabledrag", text: "The method `stabledrag`."),
        Group(name: "regiondrag", text: "The method `regiondrag`."),
        Group(name: "sdedrag", text: "The method `sdedrag`."),
        Group(name: "diffclip", text: "The method `diffclip`."),
    ]

    /// The table of settings, in the order of the documentation.
    public static let all: [Setting] = [
        Setting("num_steps", \.stepCount, .integer(1...1000), "Number of steps of the whole noise schedule."),
        Setting(
            "inversion_strength", \.inversionStrength, .number(0.001...1),
            "Part of the schedule that the edit inverts and samples again."),
        Setting("max_steps", \.dragStepLimit, .integer(0...10000), "Largest number of drag steps."),
        Setting("latent_lr", \.latentLearningRate, .number(1e-6...10), "Adam's step size on the latent."),
        Setting("beta1", \.beta1, .number(0...0.999999), "Adam's decay rate of the first moment."),
        Setting("beta2", \.beta2, .number(0...0.9999999), "Adam's decay rate of the second moment."),
        Setting("eps", \.epsilon, .number(1e-12...1), "Adam's epsilon."),
        Setting(
            "r1", \.supervisionRadius, .integer(0...64),
            "Radius of motion supervision, in grid cells; null scales it with the picture."),
        Setting(
            "r2", \.trackingRadius, .integer(1...128),
            "Radius of point tracking, in grid cells; null scales it with the picture."),
        Setting(
            "reach", \.reach, .number(1e-6...1000),
            "Distance to the target, in grid cells, below which a handle point has arrived."),
        Setting(
            "lambda", \.fusionWeight, .number(0...1000), "Weight of the text gradient in the fusion."),
        Setting("clip_weight", \.clipWeight, .number(0...1e6), "Weight of the CLIP loss."),
        Setting("mask_weight", \.maskWeight, .number(0...1e6), "Weight of the mask term."),
        Setting("fusion", \.fusion, "Rule that combines the drag gradient and the text gradient."),
        Setting(
            "fusion_conflict", \.fusionConflict,
            "What `fusion: clipdrag` does with the text gradient where the two gradients disagree."),
        Setting("tracking", \.tracking, "Which cells point tracking admits as a handle's new position."),
        Setting(
            "tracking_template", \.trackingTemplate,
            "What point tracking looks for: the source's feature at the handle's start, or at the handle's present place."
        ),
        Setting(
            "tracking_norm", \.trackingNorm, "Norm by which point tracking compares two features."),
        Setting(
            "motion_template", \.motionTemplate,
            "What motion supervision wants to see ahead of a handle: the source's features around its start, those around its present place (handle), or the present features (current)."
        ),
        Setting(
            "motion_reduction", \.motionReduction,
            "How motion supervision adds up a patch: the patch's area times the mean over patch and channels, or the sum."
        ),
        Setting(
            "motion_area", \.motionArea,
            "What motion supervision compares: a patch ahead of each handle (patch), or the drags' whole surroundings, each cell shifted the less the farther it lies from the handle (surroundings); auto takes patches where the mask leaves no room to bend the surroundings."
        ),
        Setting(
            "step_length", \.stepLength,
            "Length of a step of motion supervision: one cell (unit), or the distance up to four cells (capped)."
        ),
        Setting(
            "mask_term", \.maskTerm,
            "What the mask term holds in place: the latent, or its DDIM step to the previous timestep."),
        Setting(
            "clip_range", \.clipRange,
            "Range of CLIP's input: [0, 1] (unit), or the same after (x + 1)/2 (shifted)."),
        Setting(
            "clip_loss", \.clipLoss,
            "What the CLIP loss compares: the picture with the edit prompt (global), or the change of the picture with the change of the prompt (direction)."
        ),
        Setting(
            "clip_views", \.clipViews, .integer(1...64),
            "Number of views that CLIP sees in each drag step: the whole picture, and crops of it by the seed."
        ),
        Setting(
            "clip_area", \.clipArea, .number(0.01...1),
            "Part of the latent in which the text gradient acts: where it is strongest."),
        Setting(
            "feature_block", \.featureBlock, .integer(-1...64),
            "U-Net block whose features the drag compares: 0 is the middle block, -1 the last."),
        Setting(
            "start_step", \.controlStartStep, .integer(0...1000),
            "First sampling step under reference control."),
        Setting(
            "start_layer", \.controlStartLayer, .integer(-1...256),
            "First self-attention layer under reference control; -1 means the last 3/8 of the layers."),
        Setting(
            "auto_mask", \.autoMask, .flag, "Whether drags without a mask get a mask of their surroundings."),
        Setting(
            "warp", \.warp, .number(0...1),
            "Part of each drag by which the picture is stretched before the first drag step; 0 turns it off."),
        Setting(
            "text_steps", \.textSteps, .integer(0...10000),
            "Smallest number of drag steps of an edit prompt, even when all handles have arrived; a text without drags ends after them."
        ),
        Setting(
            "text_sampling", \.textSampling, .number(0...20),
            "Guidance towards the edit prompt while sampling; 0 for none."),
        Setting(
            "text_freedom", \.textFreedom, .number(0...1),
            "Part of the sampling steps without reference control while the edit prompt guides them."),
        Setting(
            "text_area", \.textArea, .number(0.01...1),
            "Part of the latent that the edit prompt may change while sampling: where it changes most."),
        Setting(
            "text_layout", \.textLayout,
            "Whether the edit prompt may change the layout while sampling (free), only what fills it (kept), or draws the picture anew (redrawn); auto is free, redrawn where much would change and the edit prompt then shows, and leaves the edit prompt out where it does not."
        ),
        Setting(
            "region_padding", \.regionPadding, .number(0...4),
            "Part of the edited region's box that is added on every side."),
        Setting(
            "keep_source", \.keepsSource, .flag,
            "Whether the result keeps the source's own pixels where the edit changes nothing."),
        Setting(
            "patience", \.patience, .integer(1...10000),
            "Number of drag steps in which no handle on its way comes nearer to its target, before the drag ends; null never ends it."
        ),
        Setting(
            "settle_steps", \.settleSteps, .integer(0...10000),
            "Number of drag steps after all handles have arrived; motion supervision then holds what has arrived."
        ),
        Setting(
            "budget", \.budget, .duration, "Longest time that the whole edit may take; null sets no limit."),
        Setting(
            "guidance_decoder", \.guidanceDecoder,
            "What CLIP sees during the drag: the whole decoded picture (full), or one decoded at about CLIP's own size (small)."
        ),
        Setting(
            "lora.steps", \.lora.steps, .integer(0...10000),
            "Number of fine-tuning steps; 0 skips fine-tuning."),
        Setting("lora.rank", \.lora.rank, .integer(1...256), "Rank of the LoRA."),
        Setting("lora.batch", \.lora.batch, .integer(1...64), "Number of samples in a fine-tuning step."),
        Setting("lora.lr", \.lora.learningRate, .number(1e-8...1), "AdamW's step size."),
        Setting("lora.beta1", \.lora.beta1, .number(0...0.999999), "AdamW's decay rate of the first moment."),
        Setting(
            "lora.beta2", \.lora.beta2, .number(0...0.9999999), "AdamW's decay rate of the second moment."),
        Setting("lora.eps", \.lora.epsilon, .number(1e-12...1), "AdamW's epsilon."),
        Setting("lora.weight_decay", \.lora.weightDecay, .number(0...1), "AdamW's weight decay."),
        Setting(
            "gooddrag.timesteps", \.dragTimesteps, .integer(1...1000),
            "Number of timesteps at which GoodDrag drags."),
        Setting(
            "gooddrag.trackings", \.trackings, .integer(1...1000),
            "Number of GoodDrag's trackings at a timestep."),
        Setting(
            "gooddrag.motion_steps", \.motionSteps, .integer(1...1000),
            "Number of GoodDrag's updates of the latent before each tracking."),
        Setting(
            "gooddrag.patience", \.stillTrackings, .integer(1...10000),
            "Number of GoodDrag's trackings in a row without a moved handle that ends the drag."),
        Setting(
            "freedrag.loss", \.featureLoss, .number(1e-6...1e6),
            "Mean feature difference that FreeDrag asks for at once; half of it counts as done."),
        Setting(
            "freedrag.distance", \.searchDistance, .number(0.1...1000),
            "How far FreeDrag looks ahead on the line to the target, in grid cells."),
        Setting(
            "freedrag.place_steps", \.placeSteps, .integer(1...1000),
            "Largest number of FreeDrag's updates of the latent for one place on the line."),
        Setting(
            "stabledrag.filter_steps", \.filterSteps, .integer(0...1000),
            "Number of steps by which StableDrag fits a handle's filter."),
        Setting(
            "stabledrag.filter_share", \.filterShare, .number(0...1),
            "Part of the filter's response in StableDrag's tracking score; the feature difference has the rest."
        ),
        Setting(
            "stabledrag.confidence", \.confidence, .number(0...1),
            "Tracking score below which StableDrag supervises with the source's features."),
        Setting(
            "regiondrag.source_noise", \.sourceNoise, .number(0...1),
            "Part of noise that the method mixes into the cells that content leaves."),
        Setting(
            "sdedrag.paste_step", \.pasteStep, .number(0.1...1000),
            "Distance by which a copy moves content, in cells of the latent."),
        Setting(
            "sdedrag.paste_radius", \.pasteRadius, .integer(1...64),
            "Half the side of the square that is copied, in cells of the latent; null means 5 for a latent of 64."
        ),
        Setting(
            "sdedrag.paste_gain", \.pasteGain, .number(0...10), "Factor of the content that is copied."),
        Setting(
            "sdedrag.source_kept", \.sourceKept, .number(0...1),
            "Part of its content that a square keeps when it is copied; noise takes the rest."),
        Setting(
            "sdedrag.guidance", \.guidance, .number(1...20),
            "Classifier-free guidance where there is most noise; 1 for none."),
        Setting(
            "sdedrag.lora_scale", \.leastLoRAScale, .number(0...1),
            "Factor of the LoRA where there is most noise."),
        Setting(
            "diffclip.lr", \.directionLearningRate, .number(1e-8...1), "Adam's step size on the LoRA."
        ),
        Setting(
            "diffclip.keep", \.directionKeep, .number(0...1e6),
            "Weight of the distance from the source's pixels in the loss."),
    ]
}
