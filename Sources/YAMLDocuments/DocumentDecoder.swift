import Failures
import Foundation
import Settings

/// Reads typed values out of nodes; every mismatch is an error at its place.
package struct DocumentDecoder {
    package let source: SourceText

    package init(source: SourceText) { self.source = source }

    package func error(_ code: String, _ message: String, at mark: SourceMark, do hint: String) -> Failure {
        source.error(code, message, at: mark, do: hint)
    }

    /// A mapping whose keys are all known.
    package func mapping(_ node: YAMLNode, _ what: String, keys: [String]) throws(Failure) -> [String:
        YAMLEntry]
    {
        guard case .mapping(let entries, _) = node else {
            throw wrongKind(node, what, "a mapping of \(keys.prefix(4).joined(separator: ", "))…")
        }
        for entry in entries where !keys.contains(entry.key) {
            let near = suggestion(for: entry.key, among: keys)
            throw error(
                "spec.unknown_key", "\(what) has no key `\(entry.key)`\(near)", at: entry.keyMark,
                do: "Known keys: \(keys.joined(separator: ", ")).")
        }
        return Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0) })
    }

    package func wrongKind(_ node: YAMLNode, _ what: String, _ wanted: String) -> Failure {
        error(
            "spec.type", "\(what) must be \(wanted), not \(node.kind)", at: node.mark, do: "Write \(wanted).")
    }

    package func list(_ node: YAMLNode, _ what: String) throws(Failure) -> [YAMLNode] {
        guard case .sequence(let items, _) = node else { throw wrongKind(node, what, "a list") }
        return items
    }

    /// Text, quoted or not; a bare number or truth value is no text.
    package func text(_ node: YAMLNode, _ what: String) throws(Failure) -> String {
        guard case .scalar(let text, let isPlain, _) = node, !node.isNull else {
            throw wrongKind(node, what, "text")
        }
        if isPlain && (Double(text) != nil || ["true", "false"].contains(text)) {
            throw error(
                "spec.type", "\(what) must be text, not \(node.kind)", at: node.mark,
                do: "Put it in quotes: \"\(text)\".")
        }
        return text
    }

    package func flag(_ node: YAMLNode, _ what: String) throws(Failure) -> Bool {
        if case .scalar(let text, true, _) = node {
            if text == "true" { return true }
            if text == "false" { return false }
        }
        throw wrongKind(node, what, "true or false")
    }

    /// A finite number.
    package func number(_ node: YAMLNode, _ what: String) throws(Failure) -> Double {
        guard case .scalar(let text, true, _) = node else { throw wrongKind(node, what, "a number") }
        let special = [".nan", ".inf", "-.inf", "+.inf", "nan", "inf", "-inf", "infinity"].contains(
            text.lowercased())
        guard !special, let value = Double(text), value.isFinite,
            text.allSatisfy({ "0123456789+-.eE".contains($0) })
        else {
            if special || Double(text)?.isFinite == false {
                throw error(
                    "spec.not_finite", "\(what) is \(text)", at: node.mark, do: "Write a finite number.")
            }
            throw wrongKind(node, what, "a decimal number")
        }
        return value
    }

    package func number(_ node: YAMLNode, _ what: String, in range: ClosedRange<Double>) throws(Failure)
        -> Double
    {
        let value = try number(node, what)
        guard range.contains(value) else {
            throw outside(
                what, plainNumber(value), node.mark, plainNumber(range.lowerBound),
                plainNumber(range.upperBound))
        }
        return value
    }

    /// A whole number, written as digits.
    package func integer(_ node: YAMLNode, _ what: String, in range: ClosedRange<Int>) throws(Failure) -> Int
    {
        guard case .scalar(let text, true, _) = node else { throw wrongKind(node, what, "a whole number") }
        let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else {
            throw wrongKind(node, what, "a whole number written as digits")
        }
        guard let value = Int(text), range.contains(value) else {
            throw outside(what, text, node.mark, String(range.lowerBound), String(range.upperBound))
        }
        return value
    }

    private func outside(_ what: String, _ value: String, _ mark: SourceMark, _ low: String, _ high: String)
        -> Failure
    {
        error(
            "spec.range", "\(what) is \(value), which is out of range", at: mark,
            do: "Write a value from \(low) to \(high).")
    }

    /// One of some words.
    package func word(
        _ node: YAMLNode, _ what: String, code: String = "spec.unknown_word", among words: [String]
    )
        throws(Failure) -> String
    {
        guard case .scalar(let text, _, _) = node, !node.isNull else {
            throw wrongKind(node, what, "one of \(words.joined(separator: ", "))")
        }
        guard words.contains(text) else {
            throw error(
                code, "\(what) is `\(text)`\(suggestion(for: text, among: words))", at: node.mark,
                do: "Write one of: \(words.joined(separator: ", ")).")
        }
        return text
    }

    /// One of an enumeration's words.
    package func choice<Choice: RawRepresentable & CaseIterable>(
        _ node: YAMLNode, _ what: String, code: String = "spec.unknown_word"
    ) throws(Failure) -> Choice where Choice.RawValue == String {
        let word = try word(node, what, code: code, among: Choice.allCases.map(\.rawValue))
        guard let choice = Choice(rawValue: word) else { preconditionFailure("`\(word)` is no choice") }
        return choice
    }

    /// A length of time: a number with s, m, h or d; in seconds.
    package func duration(_ node: YAMLNode, _ what: String) throws(Failure) -> Double {
        guard case .scalar(let text, _, _) = node, let seconds = Self.seconds(text) else {
            throw wrongKind(node, what, "a duration such as 30s, 10m, 2h or 7d")
        }
        return seconds
    }

    private static func seconds(_ text: String) -> Double? {
        let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86400]
        guard let unit = text.last.flatMap({ units[$0] }) else { return nil }
        let digits = text.dropLast()
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }),
            let value = Double(digits),
            value * unit <= ValueKind.longestDuration
        else { return nil }
        return value * unit
    }

    /// A count with an optional K, M, G (thousands) suffix.
    package func size(_ node: YAMLNode, _ what: String, least: Int = 1) throws(Failure) -> Int {
        let units: [Character: Int] = ["K": 1000, "M": 1_000_000, "G": 1_000_000_000]
        guard case .scalar(let text, _, _) = node else { throw wrongKind(node, what, "a size such as 64M") }
        let unit = text.last.flatMap { units[$0] }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard digits.count <= 9, let value = Int(digits), value >= least else {
            throw wrongKind(node, what, "a size such as 64M")
        }
        return value * (unit ?? 1)
    }
}
