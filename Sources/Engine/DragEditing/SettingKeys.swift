import Failures

/// A setting's value outside the engine: in a spec, a trajectory, a model folder's clipdrag.json.
public enum SettingValue: Sendable, Equatable {
    /// A whole number.
    case integer(Int)
    /// A number.
    case number(Double)
    /// One of a list of words.
    case word(String)
    /// True or false.
    case flag(Bool)
    /// Not set.
    case none
}

/// The settings by their public names: the one place that ties names to fields. A nested name is written with a dot.
extension EditSettings {
    /// Names in the order they are listed everywhere.
    public static var keys: [String] { table.map(\.name) }

    /// All settings by name.
    public var values: [(key: String, value: SettingValue)] {
        Self.table.map { ($0.name, $0.get(self)) }
    }

    /// Sets one by name. Ranges are the spec parser's business; here only the kind must fit.
    public mutating func set(_ key: String, to value: SettingValue) throws(Failure) {
        guard let entry = Self.table.first(where: { $0.name == key }) else {
            throw Failure(
                .badModel, code: "model.config", message: "there is no setting `\(key)`",
                hint: "Correct the model's clipdrag.json.")
        }
        guard entry.set(&self, value) else {
            throw Failure(
                .badModel, code: "model.config", message: "setting `\(key)` does not take \(value)",
                hint: "Correct the model's clipdrag.json.")
        }
    }

    private struct Entry: Sendable {
        let name: String
        let get: @Sendable (EditSettings) -> SettingValue
        let set: @Sendable (inout EditSettings, SettingValue) -> Bool

        static func integer(_ name: String, _ path: any WritableKeyPath<EditSettings, Int> & Sendable)
            -> Entry
        {
            Entry(name: name) {
                .integer($0[keyPath: path])
            } set: { settings, value in
                guard case .integer(let n) = value else { return false }
                settings[keyPath: path] = n
                return true
            }
        }

        static func optionalInteger(
            _ name: String, _ path: any WritableKeyPath<EditSettings, Int?> & Sendable
        ) -> Entry {
            Entry(name: name) {
                $0[keyPath: path].map { .integer($0) } ?? .none
            } set: { settings, value in
                switch value {
                case .integer(let n): settings[keyPath: path] = n
                case .none: settings[keyPath: path] = nil
                default: return false
                }
                return true
            }
        }

        static func number(_ name: String, _ path: any WritableKeyPath<EditSettings, Double> & Sendable)
            -> Entry
        {
            Entry(name: name) {
                .number($0[keyPath: path])
            } set: { settings, value in
                switch value {
                case .integer(let n): settings[keyPath: path] = Double(n)
                case .number(let x): settings[keyPath: path] = x
                default: return false
                }
                return true
            }
        }

        static func optionalNumber(
            _ name: String, _ path: any WritableKeyPath<EditSettings, Double?> & Sendable
        ) -> Entry {
            Entry(name: name) {
                $0[keyPath: path].map { .number($0) } ?? .none
            } set: { settings, value in
                switch value {
                case .integer(let n): settings[keyPath: path] = Double(n)
                case .number(let x): settings[keyPath: path] = x
                case .none: settings[keyPath: path] = nil
                default: return false
                }
                return true
            }
        }

        static func flag(_ name: String, _ path: any WritableKeyPath<EditSettings, Bool> & Sendable) -> Entry
        {
            Entry(name: name) {
                .flag($0[keyPath: path])
            } set: { settings, value in
                guard case .flag(let flag) = value else { return false }
                settings[keyPath: path] = flag
                return true
            }
        }

        static func word<W: RawRepresentable & Sendable>(
            _ name: String, _ path: any WritableKeyPath<EditSettings, W> & Sendable
        ) -> Entry where W.RawValue == String {
            Entry(name: name) {
                .word($0[keyPath: path].rawValue)
            } set: { settings, value in
                guard case .word(let word) = value, let chosen = W(rawValue: word) else { return false }
                settings[keyPath: path] = chosen
                return true
            }
        }
    }

    private static let table: [Entry] = [
        .integer("num_steps", \.stepCount),
        .number("inversion_strength", \.inversionStrength),
        .integer("max_steps", \.dragStepLimit),
        .number("latent_lr", \.latentLearningRate),
        .number("beta1", \.beta1),
        .number("beta2", \.beta2),
        .number("eps", \.epsilon),
        .optionalInteger("r1", \.supervisionRadius),
        .optionalInteger("r2", \.trackingRadius),
        .number("reach", \.reach),
        .number("lambda", \.fusionWeight),
        .number("clip_weight", \.clipWeight),
        .number("mask_weight", \.maskWeight),
        .word("fusion", \.fusion),
        .word("fusion_conflict", \.fusionConflict),
        .word("tracking", \.tracking),
        .word("step_length", \.stepLength),
        .word("mask_term", \.maskTerm),
        .word("clip_range", \.clipRange),
        .integer("feature_block", \.featureBlock),
        .integer("start_step", \.controlStartStep),
        .integer("start_layer", \.controlStartLayer),
        .flag("auto_mask", \.autoMask),
        .number("warp", \.warp),
        .integer("text_steps", \.textSteps),
        .optionalInteger("patience", \.patience),
        .optionalNumber("budget", \.budget),
        .word("guidance_decoder", \.guidanceDecoder),
        .integer("lora.steps", \.lora.steps),
        .integer("lora.rank", \.lora.rank),
        .integer("lora.batch", \.lora.batch),
        .number("lora.lr", \.lora.learningRate),
        .number("lora.beta1", \.lora.beta1),
        .number("lora.beta2", \.lora.beta2),
        .number("lora.eps", \.lora.epsilon),
        .number("lora.weight_decay", \.lora.weightDecay),
    ]
}
