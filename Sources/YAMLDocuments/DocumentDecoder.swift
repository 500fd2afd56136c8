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

    /// A mapping. Every key must be known.
    ///
    /// - Parameters:
    ///   - places: where other keys belong: the name of a mapping in this one, or an empty name for the document itself.
    ///   - elsewhere: other programs' names for keys of this mapping. A dot leads into a mapping in it; what has a colon is written as
    ///     it stands.
    package func mapping(
        _ node: YAMLNode, _ what: String, keys: [String], places: [String: String] = [:],
        elsewhere: [String: [String]] = [:]
    ) throws(Failure) -> [String: YAMLEntry] {
        guard case .mapping(let entries, _) = node else {
            let wanted = "a mapping of \(keys.prefix(4).joined(separator: ", "))…"
            guard case .sequence(let items, _) = node, case .mapping(let first, _)? = items.first,
                let key = first.first?.key, keys.contains(key)
            else { throw wrongKind(node, what, wanted) }
            throw wrongKind(node, what, wanted, do: "Remove the `- ` before each key.")
        }
        for (i, entry) in entries.enumerated() where !keys.contains(entry.key) {
            if i > 0, case .scalar(let whole, true, let mark) = entries[i - 1].value, entry.value.isNull,
                let number = decimalComma(whole, mark, entry.key, entry.keyMark)
            {
                throw error(
                    "spec.type", "`\(entries[i - 1].key)` is \(whole),\(entry.key), and a comma ends a value",
                    at: mark, do: "Write a decimal point: \(number).")
            }
            let near = suggestion(for: entry.key, among: keys)
            throw oddKey(entry, what, keys) ?? misplacedKey(entry, what, keys, places)
                ?? keyElsewhere(entry, what, elsewhere)
                ?? (i > 0 ? cutByComma(entries[i - 1], entry, what) : nil)
                ?? error(
                    "spec.unknown_key", "\(what) has no key `\(entry.key)`\(near)", at: entry.keyMark,
                    do: "Known keys: \(keys.joined(separator: ", ")).")
        }
        return Dictionary(uniqueKeysWithValues: entries.map { ($0.key, $0) })
    }

    /// The error of a key that another mapping has, or that is written as `group.key`.
    private func misplacedKey(
        _ entry: YAMLEntry, _ what: String, _ keys: [String], _ places: [String: String]
    ) -> Failure? {
        let value = shown(entry.value)
        let message = "\(what) has no key `\(entry.key)`"
        if let place = places[entry.key] {
            return error(
                "spec.unknown_key",
                "\(message), which belongs \(place.isEmpty ? "to the document itself" : "into `\(place)`")",
                at: entry.keyMark,
                do: place.isEmpty
                    ? "Write \(entry.key): \(value) at the beginning of a line."
                    : "Write \(place): {\(entry.key): \(value)}.")
        }
        guard let dot = entry.key.firstIndex(of: "."), keys.contains(String(entry.key[..<dot])) else {
            return nil
        }
        let (group, key) = (entry.key[..<dot], entry.key[entry.key.index(after: dot)...])
        return error(
            "spec.unknown_key", message, at: entry.keyMark, do: "Write \(group): {\(key): \(value)}.")
    }

    /// The error of a key that has another name in other programs.
    private func keyElsewhere(_ entry: YAMLEntry, _ what: String, _ elsewhere: [String: [String]]) -> Failure?
    {
        guard let paths = elsewhere[entry.key.lowercased()], !paths.isEmpty else { return nil }
        let forms = paths.map { path in
            let form =
                path.contains(":") ? path : form(path.split(separator: ".")[...], shown(entry.value))
            let setting = Setting.all.first { path == $0.name || path.hasSuffix(".\($0.name)") }
            return form + (setting.map { " (\($0.subject))" } ?? "")
        }
        return error(
            "spec.unknown_key", "\(what) has no key `\(entry.key)`", at: entry.keyMark,
            do: "Write \(forms.joined(separator: ", or ")).")
    }

    /// How a value is written under the keys of a path.
    private func form(_ path: ArraySlice<Substring>, _ value: String) -> String {
        guard let key = path.first else { return value }
        return path.count == 1 ? "\(key): \(value)" : "\(key): {\(form(path.dropFirst(), value))}"
    }

    /// A value as a hint shows it.
    private func shown(_ value: YAMLNode) -> String {
        guard case .scalar(let text, let isPlain, _) = value else { return "…" }
        return isPlain ? text : "\"\(text)\""
    }

    /// The error of a "key" that is the rest of a value: between brackets, a comma ends a value without quotes.
    private func cutByComma(_ before: YAMLEntry, _ entry: YAMLEntry, _ what: String) -> Failure? {
        guard entry.value.isNull, case .scalar(let text, true, let mark) = before.value, !before.value.isNull,
            mark.line == entry.keyMark.line
        else { return nil }
        let isNumber = isPlainNumber(text)
        return error(
            "spec.unknown_key",
            "\(what) has no key `\(entry.key)`: the comma before it ends the value `\(text)`",
            at: entry.keyMark,
            do: isNumber
                ? "Put the numbers between brackets: \(before.key): [\(text), \(entry.key), …]."
                : "Quote the whole text: \(before.key): \"\(text), \(entry.key)\".")
    }

    /// The number that two parts probably are: digits with only a comma between them.
    package func decimalComma(_ whole: String, _ mark: SourceMark, _ part: String, _ next: SourceMark)
        -> String?
    {
        guard isPlainNumber(whole), !part.isEmpty, part.allSatisfy({ $0.isASCII && $0.isNumber }),
            mark.line == next.line, next.column == mark.column + whole.count + 1
        else { return nil }
        return "\(whole).\(part)"
    }

    /// The error of a key that is unknown because one of its characters looks like another one, or is invisible.
    private func oddKey(_ entry: YAMLEntry, _ what: String, _ keys: [String]) -> Failure? {
        guard let odd = OddCharacter.first(in: entry.key) else { return nil }
        let repaired = OddCharacter.repaired(entry.key)
        let mark = SourceMark(line: entry.keyMark.line, column: entry.keyMark.column + odd.offset)
        if odd.isSpace, odd.offset == 0 {
            return error(
                "spec.unknown_key", "\(odd.name) stands in the indentation of `\(repaired)`", at: mark,
                do: "Indent with plain spaces.")
        }
        return error(
            "spec.unknown_key", "\(what) has no key `\(entry.key)`, which holds \(odd.name)", at: mark,
            do: keys.contains(repaired)
                ? "Write `\(repaired)` in plain letters."
                : "\(odd.remedy) Known keys: \(keys.joined(separator: ", ")).")
    }

    /// The error of a value of another kind.
    ///
    /// - Parameter hint: what to write, where the caller knows more than the kind.
    package func wrongKind(_ node: YAMLNode, _ what: String, _ wanted: String, do hint: String? = nil)
        -> Failure
    {
        if hint == nil, case .scalar(let text, true, let mark) = node, let odd = OddCharacter.first(in: text)
        {
            let isOnLine = source.character(at: mark, plus: odd.offset) == odd.character
            return error(
                "spec.type", "\(what) must be \(wanted), not `\(text)`, which holds \(odd.name)",
                at: isOnLine ? SourceMark(line: mark.line, column: mark.column + odd.offset) : mark,
                do: odd.remedy)
        }
        return error(
            "spec.type", "\(what) must be \(wanted), not \(node.kind)", at: node.mark,
            do: hint ?? "Write \(wanted).")
    }

    /// The error of a value that is no number, or no whole number, in the required form.
    private func noNumber(_ node: YAMLNode, _ what: String, _ wanted: String, isWhole: Bool) -> Failure {
        guard case .scalar(let text, let isPlain, _) = node else { return wrongKind(node, what, wanted) }
        if !isPlain, isPlainNumber(text) {
            return wrongKind(node, what, wanted, do: "Write \(text) without quotes.")
        }
        if isPlain, ["None", "nil", "undefined"].contains(text) {
            return wrongKind(node, what, wanted, do: "Write null, or leave the key out.")
        }
        guard isPlain, let number = ForeignNumber(text, isWhole: isWhole) else {
            return wrongKind(node, what, wanted)
        }
        return error(
            "spec.type", "\(what) must be \(wanted), not \(number.kind)", at: node.mark, do: number.hint)
    }

    package func list(_ node: YAMLNode, _ what: String) throws(Failure) -> [YAMLNode] {
        guard case .sequence(let items, _) = node else {
            var hint: String?
            if case .scalar(let text, let isPlain, _) = node, !node.isNull,
                OddCharacter.first(in: text) == nil
            {
                // Words without quotes may be several by commas.
                let isWords = text.allSatisfy { $0.isLetter || $0 == "," || $0 == " " }
                let words = text.split { $0 == "," || $0 == " " }.joined(separator: ", ")
                hint = "Write a list: [\(isWords ? words : isPlain ? text : "\"\(text)\"")]."
            }
            throw wrongKind(node, what, "a list", do: hint)
        }
        return items
    }

    /// Text with or without quotes. A number or truth value without quotes is no text.
    package func text(_ node: YAMLNode, _ what: String) throws(Failure) -> String {
        guard case .scalar(let text, let isPlain, _) = node, !node.isNull else {
            throw wrongKind(node, what, "text")
        }
        if isPlain, let quote = text.unicodeScalars.first, Self.isOpeningQuote(quote) {
            try refuseCurlyQuotes(text, what, node.mark)
        }
        if isPlain && (Double(text) != nil || ["true", "false"].contains(text)) {
            throw error(
                "spec.type", "\(what) must be text, not \(node.kind)", at: node.mark,
                do: "Put it in quotes: \"\(text)\".")
        }
        return text
    }

    private static func isOpeningQuote(_ character: Unicode.Scalar) -> Bool {
        character.properties.generalCategory == .initialPunctuation || character == "\u{201e}"
            || character == "\u{201a}" || character == "\u{201d}" || character == "\u{2019}"
    }

    /// Refuses a text that is in curly quotes as a whole, or that has an unclosed curly quote: they would become a part of the
    /// text. Curly quotes around a part of a text are allowed.
    private func refuseCurlyQuotes(_ text: String, _ what: String, _ mark: SourceMark) throws(Failure) {
        guard let odd = OddCharacter.first(in: text), odd.offset == 0 else { return }
        let inner = text.unicodeScalars.dropFirst()
        func isQuote(_ c: Unicode.Scalar) -> Bool {
            [.initialPunctuation, .finalPunctuation].contains(c.properties.generalCategory)
        }
        let closing = inner.firstIndex(where: isQuote)
        guard closing == nil || closing == inner.index(before: inner.endIndex) else { return }
        let words = String(String.UnicodeScalarView(inner.filter { !isQuote($0) }))
        throw error(
            "spec.type", "\(what) begins with the curly quote \(odd.name), which YAML takes for text",
            at: mark, do: "Write plain quotes: \"\(words)\".")
    }

    package func flag(_ node: YAMLNode, _ what: String) throws(Failure) -> Bool {
        guard case .scalar(let text, let isPlain, _) = node else {
            throw wrongKind(node, what, "true or false")
        }
        if isPlain && text == "true" { return true }
        if isPlain && text == "false" { return false }
        let meant: [String: Bool] = [
            "true": true, "yes": true, "on": true, "1": true, "y": true, "false": false, "no": false,
            "off": false, "0": false, "n": false,
        ]
        guard let flag = meant[text.lowercased()] else { throw wrongKind(node, what, "true or false") }
        throw error(
            "spec.type", "\(what) must be true or false, not `\(text)`", at: node.mark,
            do: !isPlain
                ? "Write \(flag) without quotes."
                : text.lowercased() == String(flag) ? "Write \(flag), in small letters." : "Write \(flag).")
    }

    /// A finite number.
    package func number(_ node: YAMLNode, _ what: String) throws(Failure) -> Double {
        guard case .scalar(let text, true, _) = node else {
            throw noNumber(node, what, "a number", isWhole: false)
        }
        let special = [".nan", ".inf", "-.inf", "+.inf", "nan", "inf", "-inf", "infinity"].contains(
            text.lowercased())
        guard !special, let value = Double(text), value.isFinite,
            text.allSatisfy({ "0123456789+-.eE".contains($0) })
        else {
            if special || Double(text)?.isFinite == false {
                throw error(
                    "spec.not_finite", "\(what) is \(text)", at: node.mark, do: "Write a finite number.")
            }
            throw noNumber(node, what, "a decimal number", isWhole: false)
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
        guard case .scalar(let text, true, _) = node else {
            throw noNumber(node, what, "a whole number", isWhole: true)
        }
        let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }) else {
            throw noNumber(node, what, "a whole number written as digits", isWhole: true)
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
            if let odd = OddCharacter.first(in: text) {
                let repaired = OddCharacter.repaired(text).filter { $0 != "\"" && $0 != "'" }
                throw error(
                    code, "\(what) is `\(text)`, which holds \(odd.name)", at: node.mark,
                    do: words.contains(repaired)
                        ? "Write \(repaired) in plain letters."
                        : "Write one of: \(words.joined(separator: ", ")).")
            }
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

    /// A duration in seconds, from a number with s, m, h or d.
    package func duration(_ node: YAMLNode, _ what: String) throws(Failure) -> Double {
        guard case .scalar(let text, _, _) = node, let seconds = Self.seconds(text) else {
            throw wrongKind(
                node, what, "a duration such as 30s, 10m, 2h or 7d", do: Self.meantDuration(node))
        }
        return seconds
    }

    /// The duration of a number with another unit, as in `20 min`.
    private static func meantDuration(_ node: YAMLNode) -> String? {
        guard case .scalar(let text, _, _) = node else { return nil }
        let number = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
        let unit = text.dropFirst(number.count).drop { $0 == " " }.lowercased()
        let names = [
            "s": ["s", "sec", "secs", "second", "seconds"], "m": ["m", "min", "mins", "minute", "minutes"],
            "h": ["h", "hr", "hrs", "hour", "hours"], "d": ["d", "day", "days"],
        ]
        guard let short = names.first(where: { $0.value.contains(unit) })?.key,
            seconds("\(number)\(short)") != nil
        else { return nil }
        return "Write \(number)\(short)."
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
            throw wrongKind(node, what, "a size such as 64M", do: Self.meantSize(text))
        }
        return value * (unit ?? 1)
    }

    /// The size of a number with another unit, as in `4 GiB` and `64 MP`.
    private static func meantSize(_ text: String) -> String? {
        let number = text.prefix { $0.isASCII && $0.isNumber }
        let unit = text.dropFirst(number.count).drop { $0 == " " }.uppercased()
        guard !number.isEmpty, let first = unit.first, "KMG".contains(first),
            ["", "B", "IB", "P", "PIXELS"].contains(unit.dropFirst())
        else { return nil }
        return "Write \(number)\(first)."
    }
}
