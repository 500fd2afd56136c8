import Diffusion
import Settings
import TensorCore

/// CLIPDrag (docs/algorithm.md section 3): motion supervision and CLIP's text gradient move the latent together.
public struct CLIPDrag: DragMethod {
    public let name = "clipdrag"
    public let settingNames: Set<String> = [
        "max_steps", "latent_lr", "beta1", "beta2", "eps", "r1", "r2", "reach", "lambda", "clip_weight",
        "mask_weight", "fusion", "fusion_conflict", "tracking", "step_length", "mask_term", "clip_range",
        "clip_loss", "clip_views", "clip_area", "feature_block", "text_steps", "patience", "guidance_decoder",
    ]
    public let numberNames = DragLoop.numberNames

    /// The method.
    public init() {}

    public func needs(_ settings: EditSettings) -> MethodNeeds {
        MethodNeeds(guide: settings.fusion != .drag, guideHint: "Set `fusion: drag`", mask: true)
    }

    /// A step: one pass; a pull-back of the drag's gradient; with a guide another of the text's, and the decoder both ways.
    public func cost(_ settings: EditSettings) -> MethodCost {
        let isGuided = needs(settings).guide
        return MethodCost(
            steps: settings.dragStepLimit,
            step: Work(passes: 1, pullBacks: isGuided ? 2 : 1, decodes: isGuided ? 2 : 0),
            stepSettingNames: ["fusion", "guidance_decoder", "feature_block", "clip_views", "clip_loss"])
    }

    public func notes(_ handles: [HandlePoint], _ settings: EditSettings) -> [String] {
        guard !handles.isEmpty,
            handles.allSatisfy({ $0.position.distance(to: $0.target) < settings.reach })
        else { return [] }
        return [
            "every drag is shorter than `reach` on this model's grid: nothing will be dragged, and the edit prompt not used"
        ]
    }

    public func edit(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel, _ run: MethodRun
    ) throws -> EditedLatent {
        let mask = task.mask.map { mask in
            MaskTerm(
                mask: mask.values, size: mask.size, channels: task.inverted.shape[3],
                weight: settings.maskWeight)
        }
        let input = DragLoop.Input(task: task, guidance: guidance(task, settings, model), mask: mask)
        return try DragLoop(model, settings, input, run).edit()
    }

    /// Guidance by the model's CLIP; nil where none is wished. Without an edit prompt there is no direction.
    private func guidance(
        _ task: DragTask, _ settings: EditSettings, _ model: DiffusionModel
    ) -> TextGuidance? {
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
