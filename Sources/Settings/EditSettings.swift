/// The settings of an edit (docs/algorithm.md, presets and sections 1 to 4).
///
/// The defaults are the preset `recommended`. Names of the job spec in parentheses where they differ.
public struct EditSettings: Sendable, Equatable {
    /// How the text's gradient joins the drag's (eq. 6 and its ablations).
    public enum Fusion: String, SettingWord { case clipdrag, components, add, prograd, drag, text }
    /// What `clipdrag` does with G_g when the gradients disagree: G_l − λ·cos·G_g, or plus.
    public enum FusionConflict: String, SettingWord { case subtract, add }
    /// Which candidates tracking admits (eq. 7).
    public enum Tracking: String, SettingWord { case fast, nearest, guarded }
    /// Length of the step d_i of motion supervision: 1 cell, or min(4, distance).
    public enum StepLength: String, SettingWord { case unit, capped }
    /// What motion supervision compares the patch ahead of a handle with: F⁰ around its start, F⁰ around its present place, or
    /// the present features there.
    public enum MotionTemplate: String, SettingWord { case start, handle, current }
    /// How motion supervision adds up a patch: (2·r1+1)² · mean, or the sum.
    public enum MotionReduction: String, SettingWord { case mean, sum }
    /// What motion supervision compares: the patch ahead of each handle, or all cells of the drags' surroundings; `auto`: the
    /// surroundings where the mask leaves room to bend them.
    public enum MotionArea: String, SettingWord { case patch, surroundings, auto }
    /// What tracking looks for: F⁰ at the handle's start, or at its present place.
    public enum TrackingTemplate: String, SettingWord { case start, handle }
    /// How tracking measures the distance of two features.
    public enum TrackingNorm: String, SettingWord { case l1, l2 }
    /// What the mask keeps unchanged: z_t, or the DDIM step x_{t−1}.
    public enum MaskTerm: String, SettingWord { case latent, previous }
    /// CLIP's input in [0,1], or (x+1)/2 of it.
    public enum ClipRange: String, SettingWord { case unit, shifted }
    /// What L_g compares: the picture with P_e (eq. 4), or the way from the source with the way from P_o to P_e (eq. 3).
    public enum ClipLoss: String, SettingWord { case global, direction }
    /// Whether a guiding P_e may change the layout while sampling, must keep it or draws the picture anew; `auto`: by what is seen.
    public enum TextLayout: String, SettingWord { case free, kept, redrawn, auto }
    /// CLIP's picture during guidance: the whole decoded picture, or one decoded at about CLIP's own size.
    public enum GuidanceDecoder: String, SettingWord { case full, small }

    /// N, steps of the whole schedule (`num_steps`).
    public var stepCount = 50
    /// Part of the schedule that is inverted, 0…1 (`inversion_strength`).
    public var inversionStrength = 0.7
    /// Most Adam updates of the latent (`max_steps`).
    public var dragStepLimit = 160
    /// Adam's step size on the latent (`latent_lr`).
    public var latentLearningRate = 0.01
    /// Adam's β₁, β₂ and ε on the latent (`beta1`, `beta2`, `eps`).
    public var beta1 = 0.9
    /// See `beta1`.
    public var beta2 = 0.999
    /// See `beta1` (`eps`).
    public var epsilon = 1e-8
    /// Radius of motion supervision, grid cells; nil: scaled with the grid (`r1`).
    public var supervisionRadius: Int?
    /// Radius of tracking, grid cells; nil: scaled with the grid (`r2`).
    public var trackingRadius: Int?
    /// A handle nearer to its target than this has arrived, grid cells.
    public var reach = 2.0
    /// λ of eq. 6 (`lambda`).
    public var fusionWeight = 0.7
    /// Weight of L_g (`clip_weight`).
    public var clipWeight = 300.0
    /// Weight of the mask term (`mask_weight`).
    public var maskWeight = 0.1
    /// How the gradients are fused.
    public var fusion = Fusion.clipdrag
    /// See `FusionConflict` (`fusion_conflict`).
    public var fusionConflict = FusionConflict.subtract
    /// Point tracking.
    public var tracking = Tracking.guarded
    /// See `TrackingTemplate` (`tracking_template`).
    public var trackingTemplate = TrackingTemplate.start
    /// See `TrackingNorm` (`tracking_norm`).
    public var trackingNorm = TrackingNorm.l1
    /// See `MotionTemplate` (`motion_template`).
    public var motionTemplate = MotionTemplate.start
    /// See `MotionReduction` (`motion_reduction`).
    public var motionReduction = MotionReduction.mean
    /// See `MotionArea` (`motion_area`; ours).
    public var motionArea = MotionArea.patch
    /// See `StepLength` (`step_length`).
    public var stepLength = StepLength.unit
    /// Timesteps at which GoodDrag drags (`gooddrag.timesteps`).
    public var dragTimesteps = 7
    /// Trackings of GoodDrag at a timestep (`gooddrag.trackings`).
    public var trackings = 10
    /// Updates of the latent before each tracking of GoodDrag (`gooddrag.motion_steps`).
    public var motionSteps = 3
    /// Trackings of GoodDrag in a row without a moved handle that end the drag (`gooddrag.patience`).
    public var stillTrackings = 5
    /// l: the feature difference that FreeDrag takes at once (`freedrag.loss`).
    public var featureLoss = 1.0
    /// d_max: how far FreeDrag looks ahead on the line to the target, grid cells (`freedrag.distance`).
    public var searchDistance = 5.0
    /// Updates of the latent for one place on FreeDrag's line (`freedrag.place_steps`).
    public var placeSteps = 5
    /// Steps by which StableDrag fits a handle's filter (`stabledrag.filter_steps`).
    public var filterSteps = 10
    /// Part of the filter's response in StableDrag's tracking score, 0…1 (`stabledrag.filter_share`).
    public var filterShare = 0.5
    /// τ: score below which StableDrag supervises with the source's features, 0…1 (`stabledrag.confidence`).
    public var confidence = 0.8
    /// See `MaskTerm` (`mask_term`).
    public var maskTerm = MaskTerm.latent
    /// See `ClipRange` (`clip_range`).
    public var clipRange = ClipRange.unit
    /// Index into [mid, up0, up1, …]; −1 or beyond: the last (`feature_block`).
    public var featureBlock = 3
    /// See `ClipLoss` (`clip_loss`).
    public var clipLoss = ClipLoss.global
    /// Views of the picture that CLIP sees in a step; 1: the whole picture (`clip_views`; ours).
    public var clipViews = 1
    /// Part of the latent's cells in which the text's gradient acts, the strongest ones; 1: all (`clip_area`; ours).
    public var clipArea = 1.0
    /// First sampling step under reference control (`start_step`).
    public var controlStartStep = 0
    /// First self-attention layer under reference control; −1: the last 3/8 (`start_layer`).
    public var controlStartLayer = -1
    /// Whether drags without a mask get one from their surroundings (`auto_mask`).
    public var autoMask = false
    /// Part of noise that RegionDrag mixes into the cells that content leaves, 0…1 (`regiondrag.source_noise`).
    public var sourceNoise = 1.0
    /// Cells of the latent that a copy of SDE-Drag moves content by (`sdedrag.paste_step`).
    public var pasteStep = 2.0
    /// Half the side of the square that SDE-Drag copies, cells of the latent; nil: 5 on a latent of 64 (`sdedrag.paste_radius`).
    public var pasteRadius: Int?
    /// What SDE-Drag multiplies a copied square by (`sdedrag.paste_gain`).
    public var pasteGain = 1.1
    /// Part of its content that a square which SDE-Drag copies from keeps, 0…1 (`sdedrag.source_kept`).
    public var sourceKept = 0.3
    /// Classifier-free guidance of SDE-Drag where there is most noise; 1: none (`sdedrag.guidance`).
    public var guidance = 3.0
    /// What SDE-Drag multiplies the LoRA by where there is most noise (`sdedrag.lora_scale`).
    public var leastLoRAScale = 0.5
    /// Adam's step size on DiffCLIP's LoRA (`diffclip.lr`).
    public var directionLearningRate = 3e-4
    /// Weight of DiffCLIP's distance from the source's pixels (`diffclip.keep`).
    public var directionKeep = 0.3
    /// Part of each drag by which the picture is stretched before the loop, 0…1; ours (`DragWarp`).
    public var warp = 0.0
    /// The least number of updates with an edit prompt: before them, arrival does not end the loop. An edit by text
    /// alone ends after them (`text_steps`; ours).
    public var textSteps = 0
    /// Guidance towards P_e while sampling; 0: P_e guides the drag loop alone (`text_sampling`; ours).
    public var textSampling = 0.0
    /// Part of the sampling steps that reference control leaves to a guiding P_e, 0…1 (`text_freedom`; ours).
    public var textFreedom = 0.5
    /// Part of the latent's cells that a guiding P_e may change while sampling, the ones that it changes most; 1: all
    /// (`text_area`; ours).
    public var textArea = 1.0
    /// See `TextLayout` (`text_layout`; ours).
    public var textLayout = TextLayout.free
    /// Part of the region's box by which it grows on every side (`region_padding`; ours).
    public var regionPadding = 0.25
    /// Whether the result keeps the source's own pixels and detail where the edit changed nothing (`keep_source`; ours).
    public var keepsSource = true
    /// Updates after all handles have arrived, in which what has arrived is supervised too (`settle_steps`; ours).
    public var settleSteps = 0
    /// Ends the loop after this many updates without progress; nil: never.
    public var patience: Int?
    /// Seconds that the whole edit may take: it ends early with the best latent so far. nil: no limit.
    public var budget: Double?
    /// See `GuidanceDecoder` (`guidance_decoder`).
    public var guidanceDecoder = GuidanceDecoder.full
    /// Identity fine-tuning (`lora`).
    public var lora = LoRASettings()

    /// The preset `recommended`.
    public init() {}
}

/// Identity fine-tuning (docs/algorithm.md section 1), `lora:` in a spec.
public struct LoRASettings: Sendable, Equatable {
    /// AdamW updates; 0 skips fine-tuning.
    public var steps = 80
    /// Rank of the two factors.
    public var rank = 16
    /// Samples per update.
    public var batch = 4
    /// Step size (`lr`).
    public var learningRate = 5e-4
    /// AdamW's β₁.
    public var beta1 = 0.9
    /// AdamW's β₂.
    public var beta2 = 0.999
    /// AdamW's ε (`eps`).
    public var epsilon = 1e-8
    /// AdamW's decay (`weight_decay`).
    public var weightDecay = 0.01

    /// The defaults.
    public init() {}
}
