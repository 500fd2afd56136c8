import DurableFiles
import JSON

extension JSONValue {
    /// The value with file names as people read them, see `PathCoding`.
    public var shown: JSONValue {
        switch self {
        case .string(let text): .string(PathCoding.shown(text))
        case .array(let items): .array(items.map(\.shown))
        case .object(let fields): .object(fields.map { ($0.key, $0.value.shown) })
        default: self
        }
    }
}
