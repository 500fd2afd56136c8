import PrintableText

/// A character in a key, number or word that looks like another one, or is invisible: a no-break space, a zero-width
/// character, a minus sign, a curly quote, a letter of another alphabet. All keys and words of a spec are ASCII.
package struct OddCharacter: Equatable {
    /// The character.
    let character: Unicode.Scalar
    /// The number of characters before it.
    let offset: Int

    /// The first character of a text that is not printable ASCII.
    package static func first(in text: String) -> OddCharacter? {
        text.unicodeScalars.enumerated().first { !isPlain($0.element) }
            .map { OddCharacter(character: $0.element, offset: $0.offset) }
    }

    private static func isPlain(_ character: Unicode.Scalar) -> Bool {
        character.isASCII && character.isPrintable
    }

    /// The text with the lookalikes of all such characters, and without blanks at its ends.
    static func repaired(_ text: String) -> String {
        let parts = text.unicodeScalars.map { character in
            isPlain(character) ? String(character) : Self(character: character, offset: 0).lookalike ?? ""
        }
        let characters = Array(parts.joined())
        guard let first = characters.firstIndex(where: { $0 != " " }) else { return "" }
        return String(characters[first...(characters.lastIndex { $0 != " " } ?? first)])
    }

    /// Its number and Unicode name: `U+00A0 (NO-BREAK SPACE)`.
    var name: String { Self.name(character) }

    /// A character's number and Unicode name.
    static func name(_ character: Unicode.Scalar) -> String {
        let digits = String(character.value, radix: 16, uppercase: true)
        let number = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
        return unicodeName(character).map { "\(number) (\($0))" } ?? number
    }

    /// A character's Unicode name.
    package static func unicodeName(_ character: Unicode.Scalar) -> String? {
        controlNames[character.value] ?? character.properties.name
    }

    /// Unicode has no names for control characters, and an unhelpful one for the byte order mark.
    private static let controlNames: [UInt32: String] = [
        0x09: "TAB", 0x0b: "VERTICAL TAB", 0x0c: "FORM FEED", 0x1b: "ESCAPE", 0x7f: "DELETE",
        0x85: "NEXT LINE", 0xfeff: "BYTE ORDER MARK",
    ]

    /// What to do where this character alone is at fault.
    var remedy: String {
        switch lookalike {
        case nil: isLetter ? "Write it in letters from a to z." : "Remove it."
        case " "?: "Write a plain space."
        case "\""?: "Write plain quotes (\") or none."
        case let plain?: "Write `\(plain)`."
        }
    }

    private var isLetter: Bool { character.properties.isAlphabetic }

    /// Whether it looks like a space.
    var isSpace: Bool { character.properties.generalCategory == .spaceSeparator }

    /// The ASCII character that it looks like, if it does.
    var lookalike: String? {
        switch character.properties.generalCategory {
        case .spaceSeparator: return " "
        case .dashPunctuation: return "-"
        case .initialPunctuation, .finalPunctuation: return Self.isSingleQuote(character) ? "'" : "\""
        default: break
        }
        if character == "\u{2212}" { return "-" }
        if character == "\u{201e}" || character == "\u{301d}" || character == "\u{301e}" { return "\"" }
        if character == "\u{2022}" || character == "\u{00b7}" { return "-" }
        if let value = character.properties.numericType == .decimal ? character.properties.numericValue : nil
        {
            return String(Int(value))
        }
        // Full-width forms follow ASCII's order.
        if (0xff01...0xff5e).contains(character.value) {
            return Unicode.Scalar(character.value - 0xfee0).map { String($0) }
        }
        return Self.letters[character]
    }

    private static func isSingleQuote(_ character: Unicode.Scalar) -> Bool {
        ["\u{2018}", "\u{2019}", "\u{201a}", "\u{201b}", "\u{2039}", "\u{203a}"].contains(character)
    }

    /// The Latin letters that Cyrillic and Greek letters, and dotless i, look like.
    private static let letters: [Unicode.Scalar: String] = {
        let pairs = [
            ("аеорсухіјѕԁһԛԝӏ", "aeopcyxijsdhqwl"), ("АВЕКМНОРСТХІЈЅ", "ABEKMHOPCTXIJS"),
            ("αονικρτυχγ", "aovikptuxy"), ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"), ("ıɡ", "ig"),
        ]
        var letters: [Unicode.Scalar: String] = [:]
        for (foreign, plain) in pairs {
            for (a, b) in zip(foreign.unicodeScalars, plain) { letters[a] = String(b) }
        }
        return letters
    }()
}
