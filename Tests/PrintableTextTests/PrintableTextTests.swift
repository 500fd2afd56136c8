import JSON
import PrintableText
import Testing

/// What people see of a text from outside.
@Suite struct PrintableTextTests {
    @Test(arguments: [
        ("\u{1b}[2J", "\\x1B[2J"), ("a\r\nb\tc", "a\\x0D\\x0Ab\\x09c"), ("\u{7f}\u{9b}", "\\x7F\\xC2\\x9B"),
        ("\u{202e}gnp.exe", "\\u202Egnp.exe"), ("\u{2066}a\u{2069}", "\\u2066a\\u2069"),
        ("a\u{200f}\u{61c}b", "a\\u200F\\u061Cb"), ("a\u{2028}b\u{2029}", "a\\u2028b\\u2029"),
        ("\u{200b}\u{2060}\u{ad}\u{feff}", "\\u200B\\u2060\\u00AD\\uFEFF"), ("\u{e0041}", "\\U000E0041"),
        ("\u{ffff}", "\\uFFFF"),
    ])
    func `characters that move a cursor, end a line, reverse the direction or are invisible become escapes`(
        _ text: String, _ shown: String
    ) {
        #expect(text.printable == shown)
    }

    @Test(arguments: [
        "a cat", "Katze 猫 🐈", "👩‍👩‍👧", "می‌خواهم", "e\u{301}", "שלום", "a\u{a0}b", "“quoted” – text…", "\\x1B",
    ])
    func `ordinary text stays as it is`(_ text: String) {
        #expect(Array(text.printable.utf8) == Array(text.utf8))
    }

    @Test func `JSON for a terminal has no such characters, and reads back to the same text`() {
        let text = "a\u{1b}[2J\u{7f}\u{9b}\u{202e}b\n\u{2028}\u{e0041}\u{feff}🐈"
        let line = JSONValue.string(text).line
        #expect(line.unicodeScalars.allSatisfy { $0.isPrintable }, "\(line)")
        #expect(JSONValue(parsing: Array(line.utf8))?.string.map { Array($0.utf8) } == Array(text.utf8))
    }
}
