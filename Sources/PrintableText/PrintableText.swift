extension Unicode.Scalar {
    /// Whether the character shows as itself and does not change the text around it.
    ///
    /// Control characters move a terminal's cursor and end lines. Some format characters (Unicode's category Cf) reverse the
    /// direction of the text after them (the bidirectional controls); the others are invisible. The two joiners U+200C and
    /// U+200D count as printable: emoji and several scripts need them.
    public var isPrintable: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: false
        case .format: value == 0x200c || value == 0x200d
        default: value & 0xfffe != 0xfffe  // U+FFFE, U+FFFF and those of the other planes are no characters
        }
    }

    /// The character itself if it is printable, else its escape: byte by byte for a control character (`\x1B`), by number for
    /// any other (`\u202E`).
    fileprivate var printable: String {
        if isPrintable { return String(self) }
        if properties.generalCategory == .control {
            return String(self).utf8.map { "\\x" + hexadecimal(UInt32($0), digits: 2) }.joined()
        }
        return value > 0xffff ? "\\U" + hexadecimal(value, digits: 8) : "\\u" + hexadecimal(value, digits: 4)
    }
}

extension StringProtocol {
    /// The text on one line and with every character visible: for messages, terminals, logs and lists.
    ///
    /// Every text from outside (a name, a spec's words, the output of a program) goes through here before people see it.
    /// Printable characters stay as they are.
    public var printable: String {
        guard unicodeScalars.contains(where: { !$0.isPrintable }) else { return String(self) }
        return unicodeScalars.map(\.printable).joined()
    }
}

private func hexadecimal(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}
