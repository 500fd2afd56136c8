/// A parsed YAML value with its place.
package indirect enum YAMLNode {
    /// Text. `isPlain`: it has no quotes, so it may be a number.
    case scalar(String, isPlain: Bool, SourceMark)
    case sequence([YAMLNode], SourceMark)
    case mapping([YAMLEntry], SourceMark)

    package var mark: SourceMark {
        switch self {
        case .scalar(_, _, let mark), .sequence(_, let mark), .mapping(_, let mark): mark
        }
    }

    /// A word for messages.
    package var kind: String {
        switch self {
        case .scalar(let text, let isPlain, _):
            if !isPlain { return "text" }
            if ["", "~", "null", "Null", "NULL"].contains(text) { return "nothing" }
            if ["true", "false"].contains(text.lowercased()) { return "true or false" }
            return Double(text) != nil ? "a number" : "text"
        case .sequence: return "a list"
        case .mapping: return "a mapping"
        }
    }

    /// Whether the value is empty or null.
    package var isNull: Bool {
        guard case .scalar(let text, true, _) = self else { return false }
        return ["", "~", "null", "Null", "NULL"].contains(text)
    }
}

/// One key and its value.
package struct YAMLEntry {
    package let key: String
    package let keyMark: SourceMark
    package let value: YAMLNode
}
