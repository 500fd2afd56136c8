/// Keys of which some are absent when their value is nil, instead of `null`.
public protocol OmittingKey: CodingKey {
    /// Whether this key is absent when its value is nil.
    var isOmittedWhenNil: Bool { get }
}

extension JSONValue {
    /// The encoding of a value, with keys in the order of encoding.
    ///
    /// - Precondition: the value's `encode(to:)` throws no error of its own.
    public init(encoding value: some Encodable) {
        let slot = Slot()
        do { try value.encode(to: SlotEncoder(slot: slot, codingPath: [])) } catch {
            preconditionFailure("\(type(of: value)) cannot be encoded: \(error)")
        }
        self = slot.value
    }
}

extension JSONValue: Encodable {
    /// Writes the value.
    public func encode(to encoder: any Encoder) throws {
        if let encoder = encoder as? SlotEncoder {
            encoder.slot.set(self)
            return
        }
        switch self {
        case .object(let fields):
            var container = encoder.container(keyedBy: TextKey.self)
            for (key, value) in fields { try container.encode(value, forKey: TextKey(stringValue: key)) }
        case .array(let items):
            var container = encoder.unkeyedContainer()
            for item in items { try container.encode(item) }
        default:
            var container = encoder.singleValueContainer()
            switch self {
            case .bool(let flag): try container.encode(flag)
            case .integer(let n): try container.encode(n)
            case .number(let x): try container.encode(x)
            case .string(let text): try container.encode(text)
            default: try container.encodeNil()
            }
        }
    }
}

/// A key of any name.
public struct TextKey: CodingKey {
    /// The name.
    public let stringValue: String
    /// None: names are no indices.
    public var intValue: Int? { nil }

    /// A key of a name.
    public init(stringValue: String) { self.stringValue = stringValue }
    /// An index as a name.
    public init(intValue: Int) { stringValue = String(intValue) }
}

/// The place of one value during encoding.
private final class Slot {
    private enum Kind { case value, object, array }

    private var kind = Kind.object
    private var single = JSONValue.null
    // Two properties, so that thousands of items are appended in place.
    private var fields: [(key: String, slot: Slot)] = []
    private var items: [Slot] = []

    var value: JSONValue {
        switch kind {
        case .value: single
        case .object: .object(fields.map { ($0.key, $0.slot.value) })
        case .array: .array(items.map(\.value))
        }
    }

    func set(_ value: JSONValue) { (kind, single) = (.value, value) }
    func becomeObject() { kind = .object }
    func becomeArray() { kind = .array }

    func field(_ key: String) -> Slot {
        let slot = Slot()
        fields.append((key, slot))
        return slot
    }

    func item() -> Slot {
        let slot = Slot()
        items.append(slot)
        return slot
    }
}

private struct SlotEncoder: Encoder {
    let slot: Slot
    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        slot.becomeObject()
        return KeyedEncodingContainer(Keyed<Key>(slot: slot, codingPath: codingPath))
    }
    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        slot.becomeArray()
        return Unkeyed(slot: slot, codingPath: codingPath)
    }
    func singleValueContainer() -> any SingleValueEncodingContainer {
        Single(slot: slot, codingPath: codingPath)
    }

    /// Puts a value into a slot: JSON's own types as they are, all others by their `encode(to:)`.
    static func put(_ value: some Encodable, _ slot: Slot, _ path: [any CodingKey]) throws {
        switch value {
        case let flag as Bool: slot.set(.bool(flag))
        case let text as String: slot.set(.string(text))
        case let x as Double: slot.set(.number(x))
        case let x as Float: slot.set(.number(Double(x)))
        case let n as any BinaryInteger: slot.set(.integer(Int(n)))
        default: try value.encode(to: SlotEncoder(slot: slot, codingPath: path))
        }
    }
}

private struct Single: SingleValueEncodingContainer {
    let slot: Slot
    let codingPath: [any CodingKey]

    mutating func encodeNil() { slot.set(.null) }
    mutating func encode(_ value: some Encodable) throws { try SlotEncoder.put(value, slot, codingPath) }
}

private struct Unkeyed: UnkeyedEncodingContainer {
    let slot: Slot
    let codingPath: [any CodingKey]
    private(set) var count = 0

    init(slot: Slot, codingPath: [any CodingKey]) { (self.slot, self.codingPath) = (slot, codingPath) }

    private mutating func next() -> Slot {
        count += 1
        return slot.item()
    }
    mutating func encodeNil() { next().set(.null) }
    mutating func encode(_ value: some Encodable) throws {
        try SlotEncoder.put(value, next(), codingPath)
    }
    mutating func nestedContainer<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        SlotEncoder(slot: next(), codingPath: codingPath).container(keyedBy: type)
    }
    mutating func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
        SlotEncoder(slot: next(), codingPath: codingPath).unkeyedContainer()
    }
    mutating func superEncoder() -> any Encoder { SlotEncoder(slot: next(), codingPath: codingPath) }
}

private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let slot: Slot
    let codingPath: [any CodingKey]

    private func field(_ key: Key) -> Slot { slot.field(key.stringValue) }

    mutating func encodeNil(forKey key: Key) { field(key).set(.null) }
    mutating func encode(_ value: some Encodable, forKey key: Key) throws {
        try SlotEncoder.put(value, field(key), codingPath + [key])
    }
    mutating func nestedContainer<Nested: CodingKey>(keyedBy type: Nested.Type, forKey key: Key)
        -> KeyedEncodingContainer<Nested>
    { SlotEncoder(slot: field(key), codingPath: codingPath + [key]).container(keyedBy: type) }
    mutating func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
        SlotEncoder(slot: field(key), codingPath: codingPath + [key]).unkeyedContainer()
    }
    mutating func superEncoder() -> any Encoder {
        SlotEncoder(slot: slot.field("super"), codingPath: codingPath)
    }
    mutating func superEncoder(forKey key: Key) -> any Encoder {
        SlotEncoder(slot: field(key), codingPath: codingPath + [key])
    }

    // The standard library's defaults omit nil; a record has `null`.
    private mutating func present(_ value: (some Encodable)?, _ key: Key) throws {
        if let value { return try encode(value, forKey: key) }
        if (key as? any OmittingKey)?.isOmittedWhenNil != true { encodeNil(forKey: key) }
    }
    mutating func encodeIfPresent(_ value: Bool?, forKey key: Key) throws { try present(value, key) }
    mutating func encodeIfPresent(_ value: String?, forKey key: Key) throws { try present(value, key) }
    mutating func encodeIfPresent(_ value: Double?, forKey key: Key) throws { try present(value, key) }
    mutating func encodeIfPresent(_ value: Int?, forKey key: Key) throws { try present(value, key) }
    mutating func encodeIfPresent(_ value: UInt64?, forKey key: Key) throws { try present(value, key) }
    mutating func encodeIfPresent<T: Encodable>(_ value: T?, forKey key: Key) throws {
        try present(value, key)
    }
}
