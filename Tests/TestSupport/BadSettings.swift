import Settings

/// A value that a setting must not take, derived from the setting's row in the table.
public struct BadSetting: Sendable, CustomStringConvertible {
    /// The setting.
    public let setting: Setting
    /// The value as people write it, in YAML, JSON or after `--set KEY=`; nil where no text means it.
    public let text: String?
    /// The same value with its type; nil where only a text can say it.
    public let value: SettingValue?
    /// What is wrong with it.
    public let problem: SettingError.Kind
    /// Whether a JSON file can hold it.
    public var isJSON = true

    /// The setting and the text.
    public var description: String { "\(setting.name): \(text ?? "\(value ?? .none)")" }

    /// Bad values of every setting: below and above its range, of other types, unknown words, infinite, no number.
    public static let all: [BadSetting] = Setting.all.flatMap { setting in
        func bad(
            _ text: String?, _ value: SettingValue?, _ problem: SettingError.Kind, isJSON: Bool = true
        ) -> BadSetting {
            BadSetting(setting: setting, text: text, value: value, problem: problem, isJSON: isJSON)
        }
        let unset = setting.isOptional ? [] : [bad("null", SettingValue.none, .type)]
        let flag = bad("true", .flag(true), .type)
        let word = bad("\"some\"", .word("some"), .type)
        switch setting.kind {
        case .integer(let range):
            return unset + [
                flag, word, bad("1.5", .number(1.5), .type),
                bad("\(range.lowerBound - 1)", .integer(range.lowerBound - 1), .range),
                bad("\(range.upperBound + 1)", .integer(range.upperBound + 1), .range),
            ]
        case .number(let range):
            let (below, above) = (range.lowerBound.nextDown, range.upperBound.nextUp)
            return unset + [
                flag, word, bad("\(below)", .number(below), .range), bad("\(above)", .number(above), .range),
                bad("-1", .integer(-1), .range), bad("1e999", .number(.infinity), .notFinite, isJSON: false),
                bad(".nan", .number(.nan), .notFinite, isJSON: false),
                bad("NaN", .number(.nan), .notFinite, isJSON: false),
                bad("-Infinity", .number(-.infinity), .notFinite, isJSON: false),
            ]
        case .word(let words):
            let near = words[0] + "x"
            return unset + [
                bad("\"\(near)\"", .word(near), .unknownWord), bad("\"?\"", .word("?"), .unknownWord),
            ]
        case .flag:
            return unset + [
                bad("1", .integer(1), .type), bad("0.5", .number(0.5), .type),
                bad("\"yes\"", .word("yes"), .type),
            ]
        case .duration:
            return unset + [
                flag, word, bad(nil, .integer(-1), .range), bad(nil, .number(1e11), .range),
                bad(nil, .number(.infinity), .notFinite), bad("20", nil, .type), bad("\"-1s\"", nil, .type),
                bad("\"9999999h\"", nil, .type), bad(".inf", nil, .type, isJSON: false),
            ]
        }
    }
}
