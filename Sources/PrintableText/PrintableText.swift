extension Unicode.Scalar {
    /// Whether the character shows as itself and leaves the text around it alone.
    ///
    /// Control characters move a terminal's cursor and end lines. Of the format characters (Unicode's category Cf) some turn
    /// the direction of what follows (the bidirectional controls) and the others are invisible. The two joiners U+200C and
    /// U+200D are spelling, in emoji and in several scripts.
    public var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: false
        case .format: value == 0x200c || value == 0x200d
        default: value & 0xfffe != 0xfffe  // U+FFFE, U+FFFF and their like are no characters
        }
    }

    /// The character as text shows it: itself, or what stands for it. A control character is written byte by byte (`\x1B`),
    /// any other by its number (`\u202E`).
    fileprivate var printable: String {
        if isPrintable { return String(self) }
        if properties.generalCategory == .control {
            return String(self).utf8.map { "\\x" + hexadecimal(UInt32($0), digits: 2) }.joined()
        }
        return value > 0xffff ? "\\U" + hexadecimal(value, digits: 8) : "\\u" + hexadecimal(value, digits: 4)
    }
}

extension StringProtocol {
    /// The text as it may stand in a message, on a terminal, in a log or in a list: on one line, and all of it visible.
    ///
    /// Every text that comes from outside (a name, a spec's words, the output of a program) goes through here before people
    /// see it. Characters that are printable stay as they are.
    public var printable: String {
        guard unicodeScalars.contains(where: { !$0.isPrintable }) else { return String(self) }
        return unicodeScalars.map(\.printable).joined()
    }
}

private func hexadecimal(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}
