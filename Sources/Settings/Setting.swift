/// One setting: a row of the table of settings (`Setting.all`).
///
/// The spec parser, `--set`, a model folder's clipdrag.json, the JSON Schemas, the trajectory and docs/spec.md all derive from
/// the rows. A row's default is what `EditSettings()` holds.
public struct Setting: Sendable {
    /// The name that people write. A dot leads into a group: `lora.steps` is `steps` in `lora`.
    public let name: String
    /// The kind of its value.
    public let kind: ValueKind
    /// Whether `null` is allowed.
    public let isOptional: Bool
    /// Its meaning, with the unit, in one sentence.
    public let text: String
    private let read: @Sendable (EditSettings) -> SettingValue
    private let write: @Sendable (inout EditSettings, SettingValue) -> Bool

    init<Field: SettingField>(
        _ name: String, _ path: any WritableKeyPath<EditSettings, Field> & Sendable, _ kind: ValueKind,
        _ text: String
    ) {
        self.name = name
        self.kind = kind
        self.text = text
        isOptional = Field.isOptional
        read = { $0[keyPath: path].settingValue }
        write = { settings, value in
            guard let field = Field.read(value) else { return false }
            settings[keyPath: path] = field
            return true
        }
    }

    /// A setting that takes one of its type's words.
    init<Word: SettingWord>(
        _ name: String, _ path: any WritableKeyPath<EditSettings, Word> & Sendable, _ text: String
    ) {
        self.init(name, path, .word(Word.allCases.map(\.rawValue)), text)
    }

    /// What its meaning begins with, for a hint: "Largest number of drag steps".
    public var subject: Substring { text.prefix { ![".", ";", ":"].contains($0) } }

    /// The default.
    public var defaultValue: SettingValue { read(EditSettings()) }

    /// The setting's value in some settings.
    public func value(in settings: EditSettings) -> SettingValue { read(settings) }

    /// Checks a value's type and range.
    ///
    /// - Parameter name: another name for the messages: without the group where the message names the group itself.
    /// - Throws: the mistake, with the name and the allowed values.
    public func check(_ value: SettingValue, as name: String? = nil) throws(SettingError) {
        if isOptional && value == .none { return }
        try kind.check(value, name ?? self.name)
    }

    /// Checks the value's type and range, and sets it.
    public func set(_ value: SettingValue, in settings: inout EditSettings) throws(SettingError) {
        try check(value)
        guard write(&settings, value) else {
            throw SettingError(.type, "`\(name)` must be \(kind.typeName)", "Write \(kind.typeName).")
        }
    }

    /// The setting of a name.
    ///
    /// - Throws: `unknownName`, with a guess at the intended name.
    public static func named(_ name: String) throws(SettingError) -> Setting {
        if let setting = all.first(where: { $0.name == name }) { return setting }
        let known = all.map(\.name)
        let meant = calledElsewhere(name)
        guard meant.isEmpty else {
            throw SettingError(
                .unknownName, "there is no setting `\(name)`",
                "Write \(meant.map { "\($0.name) (\($0.subject))" }.joined(separator: ", or ")).")
        }
        throw SettingError(
            .unknownName, "there is no setting `\(name)`\(suggestion(for: name, among: known))",
            "Known settings: \(known.joined(separator: ", ")).")
    }
}

extension Setting {
    /// Settings with a mapping of their own.
    public struct Group: Sendable {
        /// The mapping's key.
        public let name: String
        /// The settings' subject.
        public let text: String

        /// Its settings, each with its key in the mapping.
        public var members: [(key: String, setting: Setting)] {
            Setting.all.filter { $0.name.hasPrefix(name + ".") }.map {
                (String($0.name.dropFirst(name.count + 1)), $0)
            }
        }
    }

    /// The settings that are in no group.
    public static var ungrouped: [Setting] { all.filter { !$0.name.contains(".") } }
}

extension EditSettings {
    /// All settings by name, in the table's order.
    public var values: [(name: String, value: SettingValue)] {
        Setting.all.map { ($0.name, $0.value(in: self)) }
    }

    /// Sets one by name.
    ///
    /// - Throws: when there is none of that name, or the value's type or range does not fit.
    public mutating func set(_ name: String, to value: SettingValue) throws(SettingError) {
        try Setting.named(name).set(value, in: &self)
    }
}
