/// A setting's value outside the engine: in a spec, a trajectory, a model folder's clipdrag.json.
public enum SettingValue: Sendable, Equatable {
    /// A whole number.
    case integer(Int)
    /// A number; durations in seconds.
    case number(Double)
    /// One of the setting's words.
    case word(String)
    /// True or false.
    case flag(Bool)
    /// Not set: `null`.
    case none
}

extension SettingValue: Codable {
    /// Reads whatever is there; a number without a fraction is a whole number.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .none
        } else if let flag = try? container.decode(Bool.self) {
            self = .flag(flag)
        } else if let whole = try? container.decode(Int.self) {
            self = .integer(whole)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .word(try container.decode(String.self))
        }
    }

    /// Writes the value; durations are seconds.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .integer(let n): try container.encode(n)
        case .number(let x): try container.encode(x)
        case .word(let word): try container.encode(word)
        case .flag(let flag): try container.encode(flag)
        case .none: try container.encodeNil()
        }
    }
}

/// A field of `EditSettings` that can be read from and written as a `SettingValue`.
public protocol SettingField: Sendable {
    /// Whether the field may be unset.
    static var isOptional: Bool { get }
    /// The field's content from a value; nil when the value is of another type.
    static func read(_ value: SettingValue) -> Self?
    /// The field's content as a value.
    var settingValue: SettingValue { get }
}

extension SettingField {
    /// Most fields are always set.
    public static var isOptional: Bool { false }
}

/// A field that takes one of a few words.
public protocol SettingWord: SettingField, RawRepresentable, CaseIterable where RawValue == String {}

extension SettingWord {
    /// The case of this name, if there is one.
    public static func read(_ value: SettingValue) -> Self? {
        guard case .word(let word) = value else { return nil }
        return Self(rawValue: word)
    }

    /// The case's name.
    public var settingValue: SettingValue { .word(rawValue) }
}

extension Int: SettingField {
    /// A whole number.
    public static func read(_ value: SettingValue) -> Int? {
        guard case .integer(let n) = value else { return nil }
        return n
    }

    /// The number.
    public var settingValue: SettingValue { .integer(self) }
}

extension Double: SettingField {
    /// A number, whole or not.
    public static func read(_ value: SettingValue) -> Double? {
        switch value {
        case .integer(let n): Double(n)
        case .number(let x): x
        default: nil
        }
    }

    /// The number.
    public var settingValue: SettingValue { .number(self) }
}

extension Bool: SettingField {
    /// True or false.
    public static func read(_ value: SettingValue) -> Bool? {
        guard case .flag(let flag) = value else { return nil }
        return flag
    }

    /// True or false.
    public var settingValue: SettingValue { .flag(self) }
}

extension String: SettingField {
    /// A word.
    public static func read(_ value: SettingValue) -> String? {
        guard case .word(let word) = value else { return nil }
        return word
    }

    /// The text as a word.
    public var settingValue: SettingValue { .word(self) }
}

extension Optional: SettingField where Wrapped: SettingField {
    /// A field that may be unset.
    public static var isOptional: Bool { true }

    /// `none`, or what the wrapped field reads.
    public static func read(_ value: SettingValue) -> Wrapped?? {
        if value == .none { return .some(nil) }
        return Wrapped.read(value).map { .some($0) }
    }

    /// `none`, or the wrapped field's value.
    public var settingValue: SettingValue { map(\.settingValue) ?? .none }
}
