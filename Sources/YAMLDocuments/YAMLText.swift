/// Double-quoted YAML, every special character escaped.
package func quotedYAML(_ text: String) -> String {
    let escaped = text.unicodeScalars.map { scalar -> String in
        switch scalar {
        case "\"": "\\\""
        case "\\": "\\\\"
        case "\n": "\\n"
        case "\t": "\\t"
        case "\r": "\\r"
        case _ where !isPlain(scalar):
            "\\u" + String(repeating: "0", count: max(0, 4 - digits(scalar).count)) + digits(scalar)
        default: String(scalar)
        }
    }
    return "\"\(escaped.joined())\""
}

/// Whether YAML takes a character as it is, and for itself: no control character, line break or byte order mark.
private func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff: false
    default: true
    }
}

private func digits(_ scalar: Unicode.Scalar) -> String { String(scalar.value, radix: 16) }
