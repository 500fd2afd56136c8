import PrintableText

/// The text in double-quoted YAML, with every special character escaped.
package func quotedYAML(_ text: String) -> String {
    let escaped = text.unicodeScalars.map { scalar -> String in
        switch scalar {
        case "\"": "\\\""
        case "\\": "\\\\"
        case "\n": "\\n"
        case "\t": "\\t"
        case "\r": "\\r"
        case _ where !scalar.isPrintable:
            scalar.value > 0xffff ? "\\U" + digits(scalar, 8) : "\\u" + digits(scalar, 4)
        default: String(scalar)
        }
    }
    return "\"\(escaped.joined())\""
}

private func digits(_ scalar: Unicode.Scalar, _ count: Int) -> String {
    let digits = String(scalar.value, radix: 16)
    return String(repeating: "0", count: max(0, count - digits.count)) + digits
}
