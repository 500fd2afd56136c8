/// The text of a document's bytes in UTF-8, without a byte order mark.
///
/// - Throws: the reason why the bytes are no text, with its place.
func documentText(_ bytes: [UInt8]) throws(Complaint) -> String {
    if let foreign = ForeignFile(bytes) {
        throw Complaint(
            code: foreign.isText ? "spec.syntax" : "spec.binary",
            message: "this is \(foreign.kind), not YAML or JSON",
            index: 0, hint: foreign.hint)
    }
    if let encoding = foreignEncoding(bytes) {
        throw Complaint(
            code: "spec.encoding", message: "the text is \(encoding), not UTF-8", index: 0,
            hint: "Save the file as UTF-8.")
    }
    let valid = String(validating: bytes, as: UTF8.self)
    if let null = bytes.firstIndex(of: 0) {
        throw Complaint(
            code: "spec.binary", message: "this is a binary file, not text",
            index: valid == nil ? 0 : String(decoding: bytes[..<null], as: UTF8.self).unicodeScalars.count,
            hint: "Write the spec as YAML or JSON text.")
    }
    guard let text = valid else { throw notUTF8(bytes) }
    guard text.unicodeScalars.first == byteOrderMark else { return text }
    let rest = text.unicodeScalars.dropFirst()
    guard rest.first != byteOrderMark else {
        throw Complaint(
            message: "the file begins with two byte order marks (U+FEFF)", index: 0,
            hint: "Save the file as UTF-8 without a byte order mark.")
    }
    return String(rest)
}

/// A text for any bytes, to show a place in it.
func shownText(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

private let byteOrderMark: Unicode.Scalar = "\u{feff}"

/// UTF-16 or UTF-32, recognised by the byte order mark or by zeros in every other byte of the beginning.
private func foreignEncoding(_ bytes: [UInt8]) -> String? {
    if bytes.starts(with: [0xff, 0xfe, 0, 0]) || bytes.starts(with: [0, 0, 0xfe, 0xff]) { return "UTF-32" }
    if bytes.starts(with: [0xff, 0xfe]) || bytes.starts(with: [0xfe, 0xff]) { return "UTF-16" }
    let start = bytes.prefix(64)
    guard start.count >= 4, start.count.isMultiple(of: 2) || start.count == 64 else { return nil }
    let zeros = [0, 1].map { parity in
        start.enumerated().count { $0.offset % 2 == parity && $0.element == 0 }
    }
    let half = start.count / 2
    return (zeros[0] == 0 && zeros[1] == half) || (zeros[1] == 0 && zeros[0] == half) ? "UTF-16" : nil
}

/// The complaint of the first byte that is wrong in UTF-8.
private func notUTF8(_ bytes: [UInt8]) -> Complaint {
    var (index, offset) = (0, 0)
    for character in String(decoding: bytes, as: UTF8.self).unicodeScalars {
        let encoded = Array(String(character).utf8)
        guard bytes[offset...].starts(with: encoded) else { break }
        index += 1
        offset += encoded.count
    }
    let byte = offset < bytes.count ? String(bytes[offset], radix: 16, uppercase: true) : "?"
    return Complaint(
        code: "spec.encoding", message: "the text is not UTF-8: the byte 0x\(byte) stands here", index: index,
        hint: "Save the file as UTF-8.")
}

/// The complaint of a character that YAML does not allow, or that ends a line for YAML but not for editors.
func characterUnfitForYAML(_ text: CharacterMap) -> Complaint? {
    guard let index = text.characters.firstIndex(where: isUnfitForYAML) else { return nil }
    let character = text.characters[index]
    let isBreak = [0x85, 0x2028, 0x2029].contains(character.value)
    let isControl = character.properties.generalCategory == .control && !isBreak
    let name = (isControl ? "the control character " : "the character ") + OddCharacter.name(character)
    return Complaint(
        message: "this is not YAML: \(name) stands here" + (isBreak ? " and would end the line" : ""),
        index: index,
        hint: "Remove it. In double quotes it may be written as \(escape(character)).")
}

private func isUnfitForYAML(_ character: Unicode.Scalar) -> Bool {
    switch character.value {
    case 0x9, 0xa, 0xd, 0x20...0x7e: false
    case 0..<0x20, 0x7f..<0xa0, 0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff: true
    default: false
    }
}

private func escape(_ character: Unicode.Scalar) -> String {
    let digits = String(character.value, radix: 16, uppercase: true)
    return "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
}
