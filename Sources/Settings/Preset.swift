/// Named choices where the paper, the released code and later reproductions differ (docs/algorithm.md, presets).
///
/// They are choices about CLIPDrag. A method with published settings of its own takes those in every preset: `recommended` and
/// `quick` then add the model's own values of what depends on the model, `paper` and `released` add nothing.
public enum Preset: String, Sendable, CaseIterable {
    /// The default: the choices that reproductions found best, with a model's own values.
    case recommended
    /// The paper's values.
    case paper
    /// The values of the authors' released code.
    case released
    /// `recommended`, shortened: 40 fine-tuning steps and at most 40 drag steps.
    case quick

    /// Names of the settings whose best value depends on the model more than on the method: a model's own values of these hold
    /// for every method, its other values for the methods without published settings. `text_sampling` is not among them: a
    /// published method stays as it is published.
    public static let modelSettingNames: Set<String> = [
        "feature_block", "latent_lr", "reach", "auto_mask", "clip_weight", "text_steps", "text_freedom",
        "text_area", "text_layout", "clip_loss", "clip_views", "clip_area", "start_layer",
        "region_padding", "keep_source",
    ]

    /// The settings of a preset.
    ///
    /// - Parameters:
    ///   - method: whose published settings hold.
    ///   - model: a model folder's own values of `recommended` (clipdrag.json), by setting name.
    /// - Throws: when the model's values name no setting, or one does not fit its type and range.
    public func settings(
        of method: MethodRow = .standardRow, model: [(name: String, value: SettingValue)] = []
    ) throws(SettingError) -> EditSettings {
        var settings = EditSettings()
        if method.published.isEmpty { choose(&settings) }
        for (name, value) in method.published { try settings.set(name, to: value) }
        switch self {
        case .recommended, .quick:
            for (name, value) in model {
                // Checked even where the method's own value holds: a bad value is the model's mistake under every method.
                let setting = try Setting.named(name)
                try setting.check(value)
                guard method.published.isEmpty || Self.modelSettingNames.contains(name) else { continue }
                try setting.set(value, in: &settings)
            }
            if self == .quick {
                settings.lora.steps = 40
                settings.dragStepLimit = min(settings.dragStepLimit, 40)
            }
        case .paper, .released: settings.keepsSource = false
        }
        return settings
    }

    /// CLIPDrag's choices.
    private func choose(_ settings: inout EditSettings) {
        switch self {
        case .recommended, .quick: return
        case .paper:
            settings.tracking = .fast
            settings.trackingTemplate = .handle
            settings.trackingNorm = .l2
            settings.motionTemplate = .handle
            settings.motionReduction = .sum
            settings.maskWeight = 1
            settings.clipWeight = 1
            settings.featureBlock = -1
            settings.dragStepLimit = 2000
        case .released:
            settings.tracking = .fast
            settings.stepLength = .capped
            settings.fusionConflict = .add
            settings.maskTerm = .previous
            settings.clipRange = .shifted
            settings.dragStepLimit = 800
        }
    }
}
