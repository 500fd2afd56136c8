import JSON
import ServiceConfiguration
import Settings

/// The keys of schemas/configuration.schema.json. Every key takes `null`, which restores its default.
enum ConfigurationSchema {
    static var properties: JSONValue {
        .object(
            ConfigurationKey.topKeys.map { name in
                let members = ConfigurationKey.members(of: name)
                guard members.isEmpty else {
                    let properties = members.map { ($0.key, schema($0.kind)) }
                    return (name, Schemas.object(properties, types: ["object", "null"]))
                }
                let kind = ConfigurationKey.all.first { $0.name == name }?.kind
                return (name, kind.map(schema) ?? .null)
            })
    }

    private static func schema(_ kind: ConfigurationKey.Kind) -> JSONValue {
        switch kind {
        case .value(let kind): .object(Schemas.restrictions(kind, isOptional: true))
        case .text: .object([("type", Schemas.type(["string", "null"]))])
        case .path: string(matching: "^/")
        case .size:
            .object([
                ("type", Schemas.type(["string", "integer", "null"])),
                ("pattern", .string("^[0-9]{1,9}[KMG]?$")),
            ])
        case .mode: string(matching: "^0[0-7]{3}$")
        case .preset:
            .object(
                Schemas.restrictions(.word(Preset.allCases.map(\.rawValue)), isOptional: true))
        case .method: .object(Schemas.restrictions(.word(MethodRow.names), isOptional: true))
        case .inboxes: list(inbox)
        case .captions: captions
        case .output: Schemas.output
        }
    }

    private static func string(matching pattern: String) -> JSONValue {
        .object([("type", Schemas.type(["string", "null"])), ("pattern", .string(pattern))])
    }

    private static func list(_ item: JSONValue) -> JSONValue {
        .object([("type", Schemas.type(["array", "null"])), ("items", item)])
    }

    private static var inbox: JSONValue {
        let priorities = Configuration.Inbox.priorities
        return Schemas.object(
            [
                ("path", .object([("type", .string("string")), ("pattern", .string("^/"))])),
                ("watch", Schemas.words(Configuration.Inbox.Watch.allCases.map(\.rawValue))),
                ("priority", .object(Schemas.restrictions(.integer(priorities), isOptional: false))),
            ], more: [Schemas.required(["path"])])
    }

    private static var captions: JSONValue {
        let object = Schemas.object([("use", list(captioner)), ("vocabulary", string(matching: "^/"))])
        return .object([("oneOf", .array([list(captioner), object]))])
    }

    private static var captioner: JSONValue {
        let command = JSONValue.object([
            ("type", .string("array")), ("items", .object([("type", .string("string"))])),
        ])
        let network = JSONValue.object(Schemas.restrictions(.flag, isOptional: true))
        return .object([
            (
                "oneOf",
                .array([
                    Schemas.words(["clip", "template"]),
                    Schemas.object(
                        [("command", command), ("network", network)], more: [Schemas.required(["command"])]),
                ])
            )
        ])
    }
}
