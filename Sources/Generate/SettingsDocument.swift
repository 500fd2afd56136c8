import Settings

/// The tables of settings and of methods in docs/spec.md.
enum SettingsDocument {
    static var methods: String {
        let rows = MethodRow.all.map { "| `\($0.name)` | \($0.text) |" }
        return (["| method | what it does |", "| --- | --- |"] + rows).joined(separator: "\n") + "\n"
    }

    /// What each method takes by default, for docs/methods/.
    static var published: String {
        let rows = MethodRow.all.map { row in
            let settings = row.published.map { "`\($0.name): \(shown($0.value))`" }.joined(separator: ", ")
            let page = row.name == "none" ? "`none`" : "[`\(row.name)`](\(row.name).md)"
            return "| \(page) | \(settings.isEmpty ? "the preset's" : settings) |"
        }
        return (["| method | its published settings |", "| --- | --- |"] + rows).joined(separator: "\n")
            + "\n"
    }

    static var table: String {
        let rows = Setting.all.map {
            "| `\($0.name)` | \(shown($0.defaultValue)) | \(range($0)) | \($0.text) |"
        }
        return (["| key | default | takes | meaning |", "| --- | --- | --- | --- |"] + rows)
            .joined(separator: "\n") + "\n"
    }

    static func shown(_ value: SettingValue) -> String {
        switch value {
        case .integer(let n): String(n)
        case .number(let x): plainNumber(x)
        case .word(let word): word
        case .flag(let flag): String(flag)
        case .none: "null"
        }
    }

    private static func range(_ setting: Setting) -> String {
        let null = setting.isOptional ? " or null" : ""
        return switch setting.kind {
        case .integer(let range): "\(range.lowerBound) … \(range.upperBound), whole\(null)"
        case .number(let range):
            "\(plainNumber(range.lowerBound)) … \(plainNumber(range.upperBound))\(null)"
        case .word(let words): words.joined(separator: ", ")
        case .flag: "true, false"
        case .duration: "a duration: 90s, 20m, 2h\(null)"
        }
    }
}
