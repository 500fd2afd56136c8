import Settings

/// One key of the configuration: a row of the table of keys (`ConfigurationKey.all`).
///
/// The parser, schemas/configuration.schema.json and the table of docs/configuration.md derive from the rows.
public struct ConfigurationKey: Sendable {
    /// The kinds of values that keys take.
    public enum Kind: Sendable, Equatable {
        /// A value like that of a setting.
        case value(ValueKind)
        /// Text.
        case text
        /// An absolute path.
        case path
        /// A count with an optional suffix K, M or G.
        case size(least: Int)
        /// Octal permissions in quotes.
        case mode
        /// A preset's name.
        case preset
        /// A drag method's name.
        case method
        /// The list of watched folders.
        case inboxes
        /// The list of captioners.
        case captions
        /// A mapping like a spec's `output`.
        case output
    }

    /// The name. A dot leads into a group: `limits.pixels` is `pixels` in `limits`.
    public let name: String
    /// The kind of its value.
    public let kind: Kind
    /// Its meaning, in Markdown.
    public let text: String
    /// The default in words, where the value alone does not explain it.
    public let defaultText: String?
    private let read: @Sendable (Configuration) -> SettingValue?
    private let write: @Sendable (inout Configuration, SettingValue) -> Void
    /// Restores the default.
    let reset: @Sendable (inout Configuration) -> Void

    /// A key with a single value.
    init<Field: SettingField>(
        _ name: String, _ path: any WritableKeyPath<Configuration, Field> & Sendable, _ kind: Kind,
        default defaultText: String? = nil, _ text: String
    ) {
        self.name = name
        self.kind = kind
        self.text = text
        self.defaultText = defaultText
        read = { $0[keyPath: path].settingValue }
        write = { configuration, value in
            if let field = Field.read(value) { configuration[keyPath: path] = field }
        }
        reset = { $0[keyPath: path] = Configuration()[keyPath: path] }
    }

    /// A key with a structure of its own.
    init<Part>(
        of name: String, _ path: any WritableKeyPath<Configuration, Part> & Sendable, _ kind: Kind,
        default defaultText: String, _ text: String
    ) {
        self.name = name
        self.kind = kind
        self.text = text
        self.defaultText = defaultText
        read = { _ in nil }
        write = { _, _ in }
        reset = { $0[keyPath: path] = Configuration()[keyPath: path] }
    }

    /// The key within its group.
    public var key: String { String(name.split(separator: ".").last ?? "") }
    /// The group; nil at the top.
    public var group: String? { name.contains(".") ? String(name.prefix { $0 != "." }) : nil }

    /// The default; nil for a structure.
    public var defaultValue: SettingValue? { read(Configuration()) }

    /// Sets the key.
    func set(_ value: SettingValue, in configuration: inout Configuration) { write(&configuration, value) }

    /// Keys of the outermost mapping, including groups, in the table's order.
    public static var topKeys: [String] {
        all.map { $0.group ?? $0.name }.reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }

    /// The members of a group.
    public static func members(of group: String) -> [ConfigurationKey] { all.filter { $0.group == group } }
}
