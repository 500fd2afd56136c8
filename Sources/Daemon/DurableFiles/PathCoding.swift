import Foundation
import PrintableText

#if canImport(Glibc)
    import Glibc
#endif

/// Encodes paths and file names as strings without loss. On Linux a name is a sequence of bytes. Swift treats strings as equal
/// when they are canonically equivalent, and has no string for bytes that are not UTF-8. So every name from the file system goes
/// through `text`, and every path to the file system goes through `bytes`:
///
/// - A name in composed UTF-8 stays as it is.
/// - In any other name (not UTF-8, not composed, or with marks that would join an ASCII letter, dot or slash) each byte from
///   0x80 becomes a character of a private range. So different bytes give strings that differ under `==`, and no character of a
///   path hides a slash.
public enum PathCoding {
    /// U+10F700 stands for no byte, U+10F780…U+10F7FF for the bytes from 0x80.
    private static let escape: UInt32 = 0x10F700

    /// The string of a name's bytes.
    public static func text(_ bytes: some Collection<UInt8>) -> String {
        if bytes.allSatisfy({ $0 < 0x80 }) { return String(decoding: bytes, as: UTF8.self) }
        if let text = String(validating: bytes, as: UTF8.self), isPlain(text) { return text }
        var scalars = String.UnicodeScalarView()
        for byte in bytes {
            guard let scalar = Unicode.Scalar(byte < 0x80 ? UInt32(byte) : escape + UInt32(byte)) else {
                continue
            }
            scalars.append(scalar)
        }
        return String(scalars)
    }

    /// The string of a name in a spec or on a command line.
    public static func text(of written: String) -> String { text(written.utf8) }

    /// The bytes that a string encodes.
    public static func bytes(_ text: String) -> [UInt8] {
        // Every character of the private range begins with this byte.
        guard text.utf8.contains(0xf4) else { return Array(text.utf8) }
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if let byte = escapedByte(scalar) { bytes.append(byte) } else { bytes += scalar.utf8 }
        }
        return bytes
    }

    /// The bytes with a zero at the end, for system calls.
    public static func cString(_ path: String) -> [CChar] {
        (bytes(path) + [0]).map { CChar(bitPattern: $0) }
    }

    /// A name for people, with bytes that are not UTF-8 as `\xE9`.
    public static func shown(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { escapedByte($0) != nil }) else { return text }
        let bytes = bytes(text)
        if let whole = String(validating: bytes, as: UTF8.self) { return whole }
        var shown = ""
        for scalar in text.unicodeScalars {
            if let byte = escapedByte(scalar) {
                shown += "\\x" + hex(byte)
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// A name for people on one line of a terminal or a log. Unprintable characters are escaped too, as `\x0A` or `\u202E`.
    public static func onOneLine(_ text: String) -> String { shown(text).printable }

    /// The real path after following links (realpath(3)), in the form of listed names; nil where the path does not exist.
    public static func resolved(_ place: String) -> String? {
        guard let real = realpath(cString(place), nil) else { return nil }
        defer { free(real) }
        return path(UnsafeBufferPointer(start: real, count: strlen(real)).map { UInt8(bitPattern: $0) })
    }

    /// An absolute path whose parts have the form of listed names.
    public static func path(_ bytes: [UInt8]) -> String {
        "/" + bytes.split(separator: UInt8(ascii: "/")).map { text($0) }.joined(separator: "/")
    }

    private static func hex(_ byte: UInt8) -> String {
        (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }

    private static func isPlain(_ text: String) -> Bool {
        let composed = text.precomposedStringWithCanonicalMapping
        // A mark at either end would join its neighbour in a path.
        return composed.unicodeScalars.elementsEqual(text.unicodeScalars)
            && "/\(text)/".allSatisfy { character in
                !character.unicodeScalars.contains(where: \.isASCII) || character.unicodeScalars.count == 1
            } && !text.unicodeScalars.contains { escapedByte($0) != nil }
    }

    private static func escapedByte(_ scalar: Unicode.Scalar) -> UInt8? {
        (escape + 0x80...escape + 0xff).contains(scalar.value) ? UInt8(scalar.value - escape) : nil
    }
}

extension Unicode.Scalar {
    fileprivate var utf8: [UInt8] { Array(String(self).utf8) }
}
