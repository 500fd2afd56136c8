/// The type and range of a value.
public enum ValueKind: Sendable, Equatable {
    /// A whole number in a range.
    case integer(ClosedRange<Int>)
    /// A finite number in a range.
    case number(ClosedRange<Double>)
    /// One of some words.
    case word([String])
    /// True or false.
    case flag
    /// A duration in seconds. People write it with a unit: 90s, 20m, 2h, 7d.
    case duration

    /// The longest duration, in seconds: about 300 years.
    public static let longestDuration = 1e10

    /// The type in words, as in "`r1` must be a whole number".
    public var typeName: String {
        switch self {
        case .integer: "a whole number"
        case .number: "a number"
        case .word(let words): "one of \(words.joined(separator: ", "))"
        case .flag: "true or false"
        case .duration: "a duration such as 30s, 10m, 2h or 7d"
        }
    }

    /// Checks type and range.
    ///
    /// - Parameter name: the value's name, for the message.
    /// - Throws: `type`, `range`, `notFinite` or `unknownWord`.
    public func check(_ value: SettingValue, _ name: String) throws(SettingError) {
        switch (self, value) {
        case (.integer(let range), .integer(let n)):
            guard range.contains(n) else { throw outOfRange(name, String(n)) }
        case (.number, .integer(let n)): try checkNumber(Double(n), name)
        case (.number, .number(let x)), (.duration, .number(let x)): try checkNumber(x, name)
        case (.duration, .integer(let n)): try checkNumber(Double(n), name)
        case (.word(let words), .word(let word)):
            guard words.contains(word) else {
                throw SettingError(
                    .unknownWord, "`\(name)` is `\(word)`\(suggestion(for: word, among: words))",
                    "Write one of: \(words.joined(separator: ", ")).")
            }
        case (.flag, .flag): return
        default: throw SettingError(.type, "`\(name)` must be \(typeName)", "Write \(typeName).")
        }
    }

    private func checkNumber(_ x: Double, _ name: String) throws(SettingError) {
        guard x.isFinite else {
            throw SettingError(.notFinite, "`\(name)` is \(x)", "Write a finite number.")
        }
        let range: ClosedRange<Double>
        if case .number(let allowed) = self { range = allowed } else { range = 0...Self.longestDuration }
        guard range.contains(x) else { throw outOfRange(name, plainNumber(x)) }
    }

    /// The error of a number outside the range.
    ///
    /// - Parameter shown: the number as its author wrote it.
    public func outOfRange(_ name: String, _ shown: String) -> SettingError {
        let (low, high) =
            switch self {
            case .integer(let range): (String(range.lowerBound), String(range.upperBound))
            case .number(let range): (plainNumber(range.lowerBound), plainNumber(range.upperBound))
            default: ("0", plainNumber(Self.longestDuration))
            }
        return SettingError(
            .range, "`\(name)` is \(shown), which is out of range", "Write a value from \(low) to \(high).")
    }
}

/// A number without needless digits: 2 for 2.0, 1e-6 for 1e-06.
public func plainNumber(_ value: Double) -> String {
    if value == value.rounded() && abs(value) < 1e9 { return String(Int(value)) }
    return String(value).replacing("e-0", with: "e-")
}
