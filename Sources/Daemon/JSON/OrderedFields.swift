/// Values by name, in an order; in JSON, an object. The data decide the names. (JSON from a dictionary has any order.)
public struct OrderedFields<Value: Codable & Sendable>: Codable, Sendable {
    /// Names and values.
    public var all: [(key: String, value: Value)]

    /// Fields in their order.
    public init(_ all: [(key: String, value: Value)] = []) { self.all = all }

    /// Reads an object; its fields come in alphabetical order.
    public init(from decoder: any Decoder) throws { try self.init(from: decoder) { _ in true } }

    /// Reads the fields of an object that are none of a type's own keys, in alphabetical order. Their counterpart is
    /// `encode(to:)` with the encoder of that type, which adds them to its object.
    public init<Key: CodingKey>(from decoder: any Decoder, besides own: Key.Type) throws {
        try self.init(from: decoder) { own.init(stringValue: $0) == nil }
    }

    /// The value of a name.
    public subscript(_ key: String) -> Value? { all.first { $0.key == key }?.value }

    private init(from decoder: any Decoder, where isWanted: (String) -> Bool) throws {
        let container = try decoder.container(keyedBy: TextKey.self)
        all = try container.allKeys.map(\.stringValue).filter(isWanted).sorted().map {
            ($0, try container.decode(Value.self, forKey: TextKey(stringValue: $0)))
        }
    }

    /// Writes an object, or adds to the one that the encoder writes already.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: TextKey.self)
        for (key, value) in all { try container.encode(value, forKey: TextKey(stringValue: key)) }
    }
}

extension OrderedFields: Equatable where Value: Equatable {
    /// Equal names and values in the same order.
    public static func == (a: Self, b: Self) -> Bool {
        a.all.elementsEqual(b.all) { $0.key == $1.key && $0.value == $1.value }
    }
}
