import JSON
import Settings

/// Parts of the JSON Schemas that follow from the tables.
enum Schemas {
    /// `settings` of a spec: what people write.
    static var settings: JSONValue {
        let groups = Setting.groups.map { group in
            (
                key: group.name,
                value: object(
                    group.members.map { ($0.key, written($0.setting)) },
                    more: [("description", .string(group.text))])
            )
        }
        return object(
            Setting.ungrouped.map { ($0.name, written($0)) } + groups, types: ["object", "null"])
    }

    /// `settings` of a trajectory: every setting, with durations in seconds.
    static var recordedSettings: JSONValue {
        let groups = Setting.groups.map { group in
            let members = group.members.map { ($0.key, recorded($0.setting)) }
            return (key: group.name, value: object(members, more: [required(members.map(\.0))]))
        }
        let members = Setting.ungrouped.map { ($0.name, recorded($0)) } + groups
        return object(members, more: [required(members.map(\.0))])
    }

    /// A preset's name.
    static var preset: JSONValue { words(Preset.allCases.map(\.rawValue)) }

    /// A drag method's name.
    static var method: JSONValue { words(MethodRow.names) }

    /// `output` of a spec, and of a configuration's defaults.
    static var output: JSONValue {
        let qualities = OutputOptions.qualities
        return object(
            [
                ("format", words(OutputOptions.Format.allCases.map(\.rawValue))),
                (
                    "quality",
                    .object([
                        ("type", .string("integer")), ("minimum", .integer(qualities.lowerBound)),
                        ("maximum", .integer(qualities.upperBound)),
                    ])
                ),
                (
                    "extras",
                    .object([
                        ("type", type(["array", "null"])),
                        ("items", words(OutputOptions.Extra.allCases.map(\.rawValue))),
                    ])
                ),
                ("metrics", words(OutputOptions.MetricsLevel.allCases.map(\.rawValue))),
            ], types: ["object", "null"])
    }

    static func object(
        _ properties: [(key: String, value: JSONValue)], types: [String] = ["object"],
        more: [(key: String, value: JSONValue)] = []
    ) -> JSONValue {
        .object(
            [
                ("type", type(types)), ("additionalProperties", .bool(false)),
                ("properties", .object(properties)),
            ] + more)
    }

    static func required(_ keys: [String]) -> (key: String, value: JSONValue) {
        ("required", .array(keys.map { .string($0) }))
    }

    static func words(_ words: [String]) -> JSONValue {
        .object([("enum", .array(words.map { .string($0) }))])
    }

    static func type(_ names: [String]) -> JSONValue {
        names.count == 1 ? .string(names[0]) : .array(names.map { .string($0) })
    }

    private static func written(_ setting: Setting) -> JSONValue {
        .object(
            restrictions(setting.kind, isOptional: setting.isOptional) + [
                ("description", .string(setting.text))
            ])
    }

    private static func recorded(_ setting: Setting) -> JSONValue {
        guard setting.kind == .duration else {
            return .object(restrictions(setting.kind, isOptional: setting.isOptional))
        }
        return .object([("type", type(["number"] + (setting.isOptional ? ["null"] : [])))])
    }

    /// The schema's keys for a value of a kind, as people write it.
    static func restrictions(_ kind: ValueKind, isOptional: Bool) -> [(key: String, value: JSONValue)] {
        let null = isOptional ? ["null"] : []
        switch kind {
        case .integer(let range):
            return [
                ("type", type(["integer"] + null)), ("minimum", .integer(range.lowerBound)),
                ("maximum", .integer(range.upperBound)),
            ]
        case .number(let range):
            return [
                ("type", type(["number"] + null)), ("minimum", .number(range.lowerBound)),
                ("maximum", .number(range.upperBound)),
            ]
        case .word(let words):
            return [("enum", .array(words.map { .string($0) } + (isOptional ? [.null] : [])))]
        case .flag: return [("type", type(["boolean"] + null))]
        case .duration:
            return [("type", type(["string"] + null)), ("pattern", .string("^[0-9.]+[smhd]$"))]
        }
    }
}
