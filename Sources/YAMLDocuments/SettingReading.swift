import Failures
import Settings

/// A setting that a spec, the command line or a model gives.
public struct SettingAssignment: Sendable, Equatable {
    /// The setting's name; a dot leads into a group.
    public let name: String
    /// Its value.
    public let value: SettingValue
    /// Its place in the text.
    public let mark: SourceMark

    /// A setting at a place.
    package init(name: String, value: SettingValue, mark: SourceMark) {
        self.name = name
        self.value = value
        self.mark = mark
    }
}

extension DocumentDecoder {
    /// A mapping of settings. Those of a group are in a mapping of their own.
    ///
    /// - Parameter outer: the keys of the document that holds the mapping.
    package func settings(_ node: YAMLNode, _ what: String, of outer: [String] = []) throws(Failure)
        -> [SettingAssignment]
    {
        let top = Setting.ungrouped
        let entries = try mapping(
            node, what, keys: top.map(\.name) + Setting.groups.map(\.name),
            places: Dictionary(uniqueKeysWithValues: outer.map { ($0, "") }),
            elsewhere: Setting.namesElsewhere)
        var found = try assignments(top.map { ($0.name, $0) }, entries)
        for group in Setting.groups {
            guard let node = entries[group.name]?.value else { continue }
            let members = group.members
            let elsewhere = Setting.namesElsewhere.mapValues { names in
                names.filter { $0.hasPrefix("\(group.name).") }.map {
                    String($0.dropFirst(group.name.count + 1))
                }
            }
            found += try assignments(
                members,
                try mapping(node, "`\(group.name)`", keys: members.map(\.key), elsewhere: elsewhere))
        }
        return found
    }

    private func assignments(
        _ settings: [(key: String, setting: Setting)], _ entries: [String: YAMLEntry]
    ) throws(Failure) -> [SettingAssignment] {
        var found: [SettingAssignment] = []
        for (key, setting) in settings {
            guard let node = entries[key]?.value else { continue }
            found.append(
                SettingAssignment(
                    name: setting.name, value: try value(node, of: setting), mark: node.mark))
        }
        return found
    }

    /// A setting's value. It checks the type, then the range.
    package func value(_ node: YAMLNode, of setting: Setting) throws(Failure) -> SettingValue {
        if setting.isOptional && node.isNull { return .none }
        return try value(node, "`\(setting.name)`", setting.kind)
    }

    /// A value of a kind.
    package func value(_ node: YAMLNode, _ what: String, _ kind: ValueKind) throws(Failure) -> SettingValue {
        switch kind {
        case .integer(let range): .integer(try integer(node, what, in: range))
        case .number(let range): .number(try number(node, what, in: range))
        case .word(let words): .word(try word(node, what, among: words))
        case .flag: .flag(try flag(node, what))
        case .duration: .number(try duration(node, what))
        }
    }
}
