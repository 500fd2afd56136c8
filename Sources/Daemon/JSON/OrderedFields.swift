/// Values by names that the data decide, in an order: an object in JSON. (A dictionary would be written in any order.)
public struct OrderedFields<Value: Codable & Sendable>: Codable, Sendable {
    /// Names and values.
    public var all: [(key: String, value: Value)]

    /// Fields in their order.
    public init(_ all: [(key: String, value: Value)] = []) { self.all = all }

    /// The value of a name.
    public subscript(_ key: String) -> Value? { all.first { $0.key == key }?.value }

    /// Reads an object; its fields come in alphabetical order.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: TextKey.self)
        all = try container.allKeys.sorted { $0.stringValue < $1.stringValue }.map {
            ($0.stringValue, try container.decode(Value.self, forKey: $0))
        }
    }

    /// Writes an object.
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
