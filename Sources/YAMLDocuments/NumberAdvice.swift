import Settings

/// A number in a form that people and other programs write, but that a spec does not accept.
struct ForeignNumber: Equatable {
    /// Its form, as in "not a hexadecimal number".
    let kind: String
    /// What to do.
    let hint: String

    /// The form of a text, if it is one.
    ///
    /// - Parameter isWhole: whether a whole number is wanted.
    init?(_ text: String, isWhole: Bool) {
        let repaired = OddCharacter.repaired(text)
        if let odd = OddCharacter.first(in: text) {
            let number = repaired.filter { $0 != "\"" && $0 != "'" }
            kind = "`\(text)`, which holds \(odd.name)"
            hint = isPlainNumber(number) ? "Write \(number)." : odd.remedy
            return
        }
        let digits = text.hasPrefix("-") || text.hasPrefix("+") ? text.dropFirst() : text[...]
        let sign = text.hasPrefix("-") ? "-" : ""
        if let radix = [("0x", 16), ("0b", 2), ("0o", 8)].first(where: { digits.lowercased().hasPrefix($0.0) }
        ),
            let value = Int(digits.dropFirst(2), radix: radix.1)
        {
            let name = radix.1 == 16 ? "a hexadecimal" : radix.1 == 8 ? "an octal" : "a binary"
            (kind, hint) = ("\(name) number", "Write \(sign)\(value).")
        } else if text.hasSuffix("%"), let value = Double(text.dropLast().trimmingBlanks) {
            kind = "a percentage"
            let isCount = isWhole && value == value.rounded() && abs(value) < 1e15
            hint =
                isCount
                ? "Write \(String(Int(value)))."
                : "Write \(plainNumber(value / 100)). With `units: relative` points and masks are parts of the picture, 0…1."
        } else if text.contains("_"), isPlainNumber(text.filter { $0 != "_" }) {
            (kind, hint) = ("`\(text)`", "Write \(text.filter { $0 != "_" }).")
        } else if text.filter({ $0 == "," }).count == 1, isPlainNumber(text.replacing(",", with: ".")) {
            (kind, hint) = ("`\(text)`", "Write a decimal point: \(text.replacing(",", with: ".")).")
        } else if let number = Self.leadingNumber(text) {
            kind = "`\(text)`"
            hint = "Write \(number), without a unit."
        } else if isWhole, isPlainNumber(text), let value = Double(text), value.isFinite {
            let isWhole = value == value.rounded() && abs(value) < 1e15
            kind = "`\(text)`"
            hint = isWhole ? "Write \(String(Int(value)))." : "Write a whole number: \(Self.rounded(value))."
        } else {
            return nil
        }
    }

    /// The number before a unit: 24 of `24px` or `24 px`.
    private static func leadingNumber(_ text: String) -> String? {
        let number = String(text.prefix { "+-.0123456789".contains($0) })
        let unit = text.dropFirst(number.count).trimmingBlanks
        guard isPlainNumber(number), !unit.isEmpty, unit.allSatisfy(\.isLetter) else { return nil }
        return number
    }

    private static func rounded(_ value: Double) -> String {
        abs(value) < 1e15 ? String(Int(value.rounded())) : plainNumber(value)
    }
}

/// Whether a text is a number in a spec.
package func isPlainNumber(_ text: String) -> Bool {
    text.allSatisfy { "0123456789+-.eE".contains($0) } && Double(text) != nil
}

extension StringProtocol {
    /// The text without blanks at its ends.
    fileprivate var trimmingBlanks: String {
        var rest = self[...]
        while rest.first?.isWhitespace == true { rest = rest.dropFirst() }
        while rest.last?.isWhitespace == true { rest = rest.dropLast() }
        return String(rest)
    }
}
