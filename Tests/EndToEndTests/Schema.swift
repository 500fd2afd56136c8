import Foundation
import JSON

/// A checker for the part of JSON Schema 2020-12 that schemas/ uses; an unknown keyword is itself a finding.
struct Schema {
    private let root: JSONValue

    /// One of the shipped schemas.
    init(_ name: String) throws {
        let url = Program.root.appending(path: "schemas/\(name).schema.json")
        guard let json = JSONValue(parsing: Array(try Data(contentsOf: url))) else {
            throw CocoaError(.fileReadCorruptFile)
        }
        root = json
    }

    /// The schema below some keys.
    func part(_ keys: String...) -> JSONValue? { keys.reduce(Optional(root)) { $0?[$1] } }

    /// The errors of a value; empty when it fits.
    func problems(_ value: JSONValue) -> [String] { check(value, root, "$") }

    private func check(_ value: JSONValue, _ schema: JSONValue, _ path: String) -> [String] {
        guard case .object(let rules) = schema else { return ["\(path): no schema"] }
        var found: [String] = []
        for (keyword, rule) in rules {
            switch keyword {
            case "$schema", "title", "description": continue
            case "type":
                if !types(rule).contains(where: { fits(value, $0) }) {
                    found.append("\(path): is no \(rule.line)")
                }
            case "const": if value != rule { found.append("\(path): is not \(rule.line)") }
            case "enum": if !items(rule).contains(value) { found.append("\(path): is none of \(rule.line)") }
            case "pattern":
                if let text = value.string, let pattern = rule.string,
                    text.range(of: pattern, options: .regularExpression) == nil
                {
                    found.append("\(path): does not match \(pattern)")
                }
            case "minimum":
                if let x = value.number, x < rule.number ?? 0 { found.append("\(path): too small") }
            case "maximum":
                if let x = value.number, x > rule.number ?? 0 { found.append("\(path): too large") }
            case "minItems":
                if case .array(let a) = value, a.count < rule.integer ?? 0 {
                    found.append("\(path): too few items")
                }
            case "maxItems":
                if case .array(let a) = value, a.count > rule.integer ?? 0 {
                    found.append("\(path): too many items")
                }
            case "items":
                guard case .array(let a) = value else { continue }
                for (i, item) in a.enumerated() { found += check(item, rule, "\(path)[\(i)]") }
            case "required":
                guard case .object = value else { continue }
                for key in items(rule).compactMap(\.string) where value[key] == nil {
                    found.append("\(path): lacks \(key)")
                }
            case "properties":
                guard case .object(let properties) = rule else { continue }
                for (key, sub) in properties {
                    if let inner = value[key] { found += check(inner, sub, "\(path).\(key)") }
                }
            case "additionalProperties":
                guard case .object(let fields) = value else { continue }
                for (key, inner) in fields where schema["properties"]?[key] == nil {
                    if case .object = rule {
                        found += check(inner, rule, "\(path).\(key)")
                    } else if rule == .bool(false) {
                        found.append("\(path): unknown \(key)")
                    }
                }
            case "oneOf":
                let fitting = items(rule).filter { check(value, $0, path).isEmpty }.count
                if fitting != 1 { found.append("\(path): fits \(fitting) of the forms") }
            default: found.append("\(path): the checker does not know \(keyword)")
            }
        }
        return found
    }

    private func items(_ value: JSONValue) -> [JSONValue] { if case .array(let a) = value { a } else { [] } }
    private func types(_ rule: JSONValue) -> [String] {
        rule.string.map { [$0] } ?? items(rule).compactMap(\.string)
    }

    private func fits(_ value: JSONValue, _ type: String) -> Bool {
        switch (value, type) {
        case (.null, "null"), (.bool, "boolean"), (.string, "string"), (.array, "array"), (.object, "object"),
            (.integer, "integer"), (.integer, "number"),
            (.number, "number"):
            true
        case (.number(let x), "integer"): x == x.rounded()
        default: false
        }
    }
}
