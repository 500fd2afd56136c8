/// Named choices where the paper, the released code and later reproductions differ (docs/algorithm.md, presets).
public enum Preset: String, Sendable, CaseIterable {
    /// The default: the choices that reproductions found best, with a model's own values.
    case recommended
    /// The paper's values.
    case paper
    /// The values of the authors' released code.
    case released
    /// `recommended`, shortened: 40 fine-tuning steps and at most 40 drag steps.
    case quick

    /// The settings of a preset.
    ///
    /// - Parameter model: a model folder's own values of `recommended` (clipdrag.json), by setting name.
    /// - Throws: when the model's values name no setting, or one does not fit its type and range.
    public func settings(model: [(name: String, value: SettingValue)] = []) throws(SettingError)
        -> EditSettings
    {
        var settings = EditSettings()
        switch self {
        case .recommended, .quick:
            for (name, value) in model { try settings.set(name, to: value) }
            if self == .quick {
                settings.lora.steps = 40
                settings.dragStepLimit = min(settings.dragStepLimit, 40)
            }
        case .paper:
            settings.tracking = .fast
            settings.featureBlock = -1
            settings.dragStepLimit = 2000
            settings.keepsSource = false
        case .released:
            settings.tracking = .fast
            settings.stepLength = .capped
            settings.fusionConflict = .add
            settings.maskTerm = .previous
            settings.clipRange = .shifted
            settings.dragStepLimit = 800
            settings.keepsSource = false
        }
        return settings
    }
}
