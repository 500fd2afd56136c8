import Foundation
import PrintableText

/// A JSON value. Object keys keep their order, because people read records too.
public enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([(key: String, value: JSONValue)])

    /// Equality of values; the order of keys counts.
    public static func == (a: JSONValue, b: JSONValue) -> Bool { a.line == b.line }

    /// A number; null for nil, and for a number that is not finite, which JSON does not have.
    public static func optional(_ value: Double?) -> JSONValue {
        value.map { $0.isFinite ? .number($0) : .null } ?? .null
    }

    /// The value on one line.
    public var line: String { text(indent: nil, depth: 0) }

    /// The value on indented lines, with a last newline; arrays of numbers stay on one line.
    public var lines: String { text(indent: 2, depth: 0) + "\n" }

    /// The value of a key of an object.
    public subscript(_ key: String) -> JSONValue? {
        guard case .object(let fields) = self else { return nil }
        return fields.first { $0.key == key }?.value
    }

    /// The text of a string.
    public var string: String? { if case .string(let text) = self { text } else { nil } }
    /// The value of a whole number.
    public var integer: Int? { if case .integer(let n) = self { n } else { nil } }

    /// The value of any number.
    public var number: Double? {
        switch self {
        case .integer(let n): Double(n)
        case .number(let x): x
        default: nil
        }
    }

    /// Reads a JSON text; nil when it is no JSON. Keys come in alphabetical order.
    public init?(parsing bytes: [UInt8]) {
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(bytes)) else { return nil }
        self = value
    }

    private func text(indent: Int?, depth: Int) -> String {
        switch self {
        case .null: return "null"
        case .bool(let flag): return flag ? "true" : "false"
        case .integer(let n): return String(n)
        case .number(let x):
            return x.isFinite ? (x == x.rounded() && abs(x) < 1e15 ? String(Int(x)) : String(x)) : "null"
        case .string(let text): return Self.quoted(text)
        case .array(let items):
            let isFlat = items.allSatisfy { if case .object = $0 { false } else { true } }
            return Self.joined(
                items.map { $0.text(indent: isFlat ? nil : indent, depth: depth + 1) }, "[", "]",
                isFlat ? nil : indent, depth)
        case .object(let fields):
            let parts = fields.map {
                "\(Self.quoted($0.key)):\(indent == nil ? "" : " ")\($0.value.text(indent: indent, depth: depth + 1))"
            }
            return Self.joined(parts, "{", "}", indent, depth)
        }
    }

    private static func joined(
        _ parts: [String], _ open: String, _ close: String, _ indent: Int?, _ depth: Int
    ) -> String {
        guard let indent, !parts.isEmpty else { return open + parts.joined(separator: ",") + close }
        let space = String(repeating: " ", count: indent * (depth + 1))
        return
            "\(open)\n\(space)\(parts.joined(separator: ",\n" + space))\n\(String(repeating: " ", count: indent * depth))\(close)"
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where !scalar.isPrintable:
                for unit in String(scalar).utf16 {
                    let hex = String(unit, radix: 16)
                    out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                }
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

extension JSONValue: Decodable {
    /// Reads any value.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .bool(flag)
        } else if let whole = try? container.decode(Int.self) {
            self = .integer(whole)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let text = try? container.decode(String.self) {
            self = .string(text)
        } else if let items = try? container.decode([JSONValue].self) {
            self = .array(items)
        } else {
            let fields = try container.decode([String: JSONValue].self)
            self = .object(fields.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        }
    }
}
