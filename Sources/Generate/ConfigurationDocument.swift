import ServiceConfiguration
import Settings

/// The table of keys in docs/configuration.md.
enum ConfigurationDocument {
    static var table: String {
        let rows = ConfigurationKey.all.map { "| `\($0.name)` | \(defaultText($0)) | \($0.text) |" }
        return (["| key | default | meaning |", "| --- | --- | --- |"] + rows).joined(separator: "\n") + "\n"
    }

    private static func defaultText(_ key: ConfigurationKey) -> String {
        if let text = key.defaultText { return text }
        switch (key.defaultValue, key.kind) {
        case (.integer(let n), .mode): return "`\"0\(String(n, radix: 8))\"`"
        case (.integer(let n), .size):
            return scaled(Double(n), [("G", 1e9), ("M", 1e6), ("K", 1e3), ("", 1)])
        case (.number(let x), .value(.duration)):
            return scaled(x, [("d", 86400), ("h", 3600), ("m", 60), ("s", 1)])
        case (.integer(let n), _): return String(n)
        case (.number(let x), _): return plainNumber(x)
        case (.word(let word), _): return "`\(word)`"
        case (.flag(let flag), _): return String(flag)
        case (.some(.none), _), (nil, _): return "none"
        }
    }

    /// A number in the largest unit in which it is whole.
    private static func scaled(_ value: Double, _ units: [(name: String, size: Double)]) -> String {
        let unit = units.first { value.truncatingRemainder(dividingBy: $0.size) == 0 } ?? ("", 1)
        return value == 0 ? "0" : plainNumber(value / unit.size) + unit.name
    }
}
