import Diffusion
import Settings
import TensorCore

/// A method whose optimiser follows a gradient of the latent. The text's gradient G_g joins the drag's G_l in every one of them, as
/// `fusion` says.
public protocol GradientMethod: DragMethod {
    /// Names of the settings that it reads besides `GradientSettings.names`.
    var ownSettingNames: Set<String> { get }
}

/// The settings that every method which follows a gradient reads.
enum GradientSettings {
    static let names: Set<String> = [
        "max_steps", "latent_lr", "beta1", "beta2", "eps", "reach", "feature_block", "mask_weight",
        "mask_term",
        "fusion", "fusion_conflict", "lambda", "clip_weight", "clip_range", "clip_loss", "clip_views",
        "clip_area", "guidance_decoder",
    ]

    /// What `DragLoop` reads besides.
    static let ofDragLoop: Set<String> = [
        "r1", "r2", "step_length", "motion_template", "motion_reduction", "motion_area", "tracking",
        "tracking_template",
        "tracking_norm", "text_steps", "patience", "settle_steps",
    ]
}

extension GradientMethod {
    public var settingNames: Set<String> { GradientSettings.names.union(ownSettingNames) }
    public var numberNames: [String] { DragLoop.numberNames }

    public func needs(_ settings: EditSettings) -> MethodNeeds {
        MethodNeeds(guide: settings.fusion != .drag, guideHint: "Set `fusion: drag`", mask: true)
    }

    public func cost(_ settings: EditSettings) -> MethodCost {
        MethodCost(
            steps: settings.dragStepLimit, step: guidedStep(settings), stepSettingNames: stepSettingNames)
    }

    public func notes(_ handles: [HandlePoint], _ settings: EditSettings) -> [String] {
        guard !handles.isEmpty,
            handles.allSatisfy({ $0.position.distance(to: $0.target) < settings.reach })
        else { return [] }
        return [
            "every drag is shorter than `reach` on this model's grid: nothing will be dragged, and the edit prompt not used"
        ]
    }

    /// A step: one pass; a pull-back of the drag's gradient; with a guide another of the text's, and the decoder both ways.
    func guidedStep(_ settings: EditSettings) -> Work {
        let isGuided = needs(settings).guide
        return Work(passes: 1, pullBacks: isGuided ? 2 : 1, decodes: isGuided ? 2 : 0)
    }

    /// Names of the settings that decide how long a step takes.
    var stepSettingNames: [String] {
        ["fusion", "guidance_decoder", "feature_block", "clip_views", "clip_loss"]
    }

    /// Guidance by the model's CLIP; nil where none is wished. Without an edit prompt there is no direction.
    func guidance(_ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel) -> TextGuidance? {
        guard let guide = model.guide, let wish = task.wish else { return nil }
        var origin: TextGuidance.Origin?
        if settings.clipLoss == .direction {
            guard task.hasEditPrompt, let picture = task.picture, let text = task.described else {
                return nil
            }
            origin = TextGuidance.Origin(picture: picture, text: text)
        }
        return TextGuidance(guide.clip, wish: wish, settings, seed: task.seed, origin: origin)
    }

    /// The mask term; nil without a mask.
    ///
    /// - Parameter weight: of one latent value that changes.
    func maskTerm(_ task: DragTask, weight: Double) -> MaskTerm? {
        task.mask.map { mask in
            MaskTerm(
                mask: mask.values, size: mask.size, channels: task.inverted.shape[3], weight: weight)
        }
    }

    /// Edits by the drag loop.
    ///
    /// - Parameter tracking: nil: point tracking as the settings name it.
    func followDragLoop(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun,
        tracking: (any HandleTracking)? = nil
    ) throws -> EditedLatent {
        let input = DragLoop.Input(
            task: task, guidance: guidance(task, settings, model),
            mask: maskTerm(task, weight: settings.maskWeight))
        return try DragLoop(model, settings, input, run, tracking: tracking).edit()
    }
}

extension FeatureGrid {
    /// Radii of motion supervision and tracking on this grid, in cells: what is set, or 4 and 12 scaled by the longer
    /// side over 256, halves up, at least 1 and 3.
    func radii(_ settings: EditSettings) -> (supervision: Int, tracking: Int) {
        func scaled(_ radius: Double, _ least: Int) -> Int {
            max(least, Int((radius * Double(size.longerSide) / 256 + 0.5).rounded(.down)))
        }
        return (settings.supervisionRadius ?? scaled(4, 1), settings.trackingRadius ?? scaled(12, 3))
    }
}
