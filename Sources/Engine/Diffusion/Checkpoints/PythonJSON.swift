import Foundation

/// JSON as Python's `json` writes it: with `NaN`, `Infinity` and `-Infinity`, which are no JSON.
enum PythonJSON {
    /// The value of a text; nil where it is no JSON. These three become strings. So a reader that needs a number refuses them, and
    /// keys that change nothing stay harmless.
    static func value(_ data: Data) -> Any? {
        let bytes = data.starts(with: [0xef, 0xbb, 0xbf]) ? data.dropFirst(3) : data
        if let value = try? JSONSerialization.jsonObject(with: bytes) { return value }
        return try? JSONSerialization.jsonObject(with: quotingNonNumbers(Array(bytes)))
    }

    private static let words = ["-Infinity", "Infinity", "NaN"].map { Array($0.utf8) }

    private static func quotingNonNumbers(_ text: [UInt8]) -> Data {
        let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
        var out: [UInt8] = []
        var isInString = false
        var i = 0
        while i < text.count {
            if isInString, text[i] == backslash, i + 1 < text.count {
                out += text[i...i + 1]
                i += 2
            } else if !isInString, let word = words.first(where: { text[i...].starts(with: $0) }) {
                out += [quote] + word + [quote]
                i += word.count
            } else {
                if text[i] == quote { isInString.toggle() }
                out.append(text[i])
                i += 1
            }
        }
        return Data(out)
    }
}
