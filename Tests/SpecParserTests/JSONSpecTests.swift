import Failures
import SpecParser
import Testing
import YAMLDocuments

/// Specs in JSON: valid JSON is never an error of syntax, and the error of almost valid JSON says what is wrong.
@Suite struct JSONSpecTests {
    private func error(_ text: String, file: String = "s.json") -> Failure? {
        #expect(throws: Failure.self) { try parseSpec(Array(text.utf8), file: file) }
    }

    /// Texts as the `y_` files of public JSON suites have them: each one of the grammar's corners.
    private static let good = [
        "[]", "{}", "[[]   ]", "[\"\"]", "[\"a\"]", "[false]", "[null, 1, \"1\", {}]", "[null]", "[1\n]",
        " [1]",
        "[1,null,null,null,2]", "[2] ", "[0e+1]", "[0e1]", "[ 4]", "[-0.000000000000000000000001]", "[20e1]",
        "[-0]", "[-123]", "[-1]", "[1E22]", "[1E-2]", "[1E+2]", "[123e45]", "[123.456e78]", "[1e-2]",
        "[1e+2]",
        "[123.456789]", "{\"asd\":\"sdf\", \"dfg\":\"fgh\"}", "{\"\":0}", "{\"foo\\u0000bar\": 42}",
        "{\"min\": -1.0e+28, \"max\": 1.0e+28}", "{\"a\":[]}", "{\"title\":\"\\u041f\\u043e\"}",
        "{\n\"a\": \"b\"\n}", "[\"\\u0060\\u012a\\u12AB\"]", "[\"\\uD801\\udc37\"]",
        "[\"\\ud83d\\ude39\\ud83d\\udc8d\"]",
        "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "[\"\\\\u0000\"]", "[\"\\\"\"]", "[\"a/*b*/c/*d//e\"]",
        "[\"\\\\a\"]",
        "[\"\\u0012\"]", "[\"\\uFFFF\"]", "[\"asd\"]", "[ \"asd\"]", "[\"\\uDBFF\\uDFFF\"]",
        "[\"new\\u00A0line\"]",
        "[\"\u{10ffff}\"]", "[\"\u{ffff}\"]", "[\"\\u0000\"]", "[\"\\u002c\"]", "[\"π\"]", "[\"\u{1bfff}\"]",
        "[\"asd \"]", "\" \"", "[\"\\uD834\\uDd1e\"]", "[\"\\u0821\"]", "[\"\\u0123\"]", "[\"\u{2028}\"]",
        "[\"\u{2029}\"]", "[\"\\u0061\\u30af\"]", "[\"new\\u000Aline\"]", "[\"\u{7f}\"]", "[\"\\uA66D\"]",
        "[\"\\u005C\"]", "[\"⍂㈴⍂\"]", "[\"\\u200B\"]", "[\"\\u2064\"]", "[\"\\uFDD0\"]", "[\"\\uFFFE\"]",
        "[\"\\u0022\"]",
        "[\"€𝄞\"]", "[\"a\u{7f}a\"]", "false", "42", "-0.1", "null", "\"asd\"", "true", "[true]", "[]\n",
        " [] ",
        "\t{\"a\"\t:\t1\r\n}", "[\"\u{85}\"]", "[\"\u{feff}\"]", "{\"a\":{\"b\":{\"c\":[[[[1]]]]}}}",
    ]

    @Test(arguments: good)
    func `valid JSON is never an error of syntax, even if it is no spec`(_ text: String) {
        let code = error(text)?.code ?? ""
        #expect(
            ["spec.type", "spec.unknown_key", "spec.empty", "spec.nothing_to_do"].contains(code), "\(code)")
        // A byte order mark before it changes nothing.
        #expect(error("\u{feff}" + text)?.code == code)
    }

    @Test func `every escape of a string is read, surrogate pairs too`() throws {
        let text =
            #"{"prompt": {"source": "crying face \ud83d\ude22", "edit": "\"\\\/\b\f\n\r\tAé\u0041\u00e9"}}"#
        let spec = try parseSpec(Array(text.utf8), file: "s.json").spec
        #expect(spec.sourcePrompt == "crying face 😢")
        let edit = "\"\\/\u{8}\u{c}\n\r\tAéAé"
        #expect(spec.editPrompt.map { Array($0.utf8) } == Array(edit.utf8))
    }

    @Test func `numbers, words and null are those of a spec in YAML`() throws {
        let text =
            "{\"drags\":[{\"from\":[1e1,2.5],\"to\":[30,-0]}],\n\t\"seed\":7,\"mask\":null,\"settings\":{\"r1\":null,\"auto_mask\":true}}"
        let spec = try parseSpec(Array(text.utf8), file: "s.json").spec
        #expect(spec.drags[0].from.value == EditSpec.Point(x: 10, y: 2.5) && spec.seed == 7)
        #expect(spec.mask.isEmpty && spec.settings.map(\.name) == ["r1", "auto_mask"])
    }

    @Test func `a key that is given twice is refused at its place, however it is escaped`() {
        for second in ["\"seed\"", "\"s\\u0065ed\""] {
            let error = error("{\"prompt\": \"x\",\n \"seed\": 1,\n \(second): 2}")
            #expect(error?.code == "spec.duplicate_key")
            #expect(error?.place?.line == 3 && error?.place?.column == 2)
        }
    }

    @Test(arguments: [
        ("{\"prompt\": \"x\", // c\n\"seed\": 1}", 1, 17), ("// c\n{\"prompt\": \"x\"}", 1, 1),
        ("{\"prompt\": /* c */ \"x\"}", 1, 12), ("{\n/* c\n*/\n\"prompt\": \"x\"}", 2, 1),
        ("{\"prompt\": \"x\"} // c", 1, 17), ("{\"drags\": [// c\n]}", 1, 12), ("\n/* a */ // b\n[1]", 2, 1),
    ])
    func `the error of JSON with comments names the comment, whatever the file's name`(
        _ text: String, _ line: Int, _ column: Int
    ) {
        for file in ["s.json", "s.yaml"] {
            let error = error(text, file: file)
            #expect(error?.message == "a comment begins here, and JSON has no comments")
            #expect(error?.place?.line == line && error?.place?.column == column)
        }
    }

    @Test(arguments: [
        ("{\"prompt\": \"x\", \"seed\": 1\n\n", "the bracket `{` is not closed", 1, 1),
        ("{\"drags\": [{\"from\": [1, 2, \"to\": 3}]}", "`:` stands where `,` or `]` is expected", 1, 32),
        ("{\"prompt\": \"x\n}", "the quote that begins here is not closed on its line", 1, 12),
        ("{\"prompt\": \"C:\\Users\"}", "`\\U` is no escape", 1, 15),
        ("{\"prompt\": \"x\" \"seed\": 1}", "`\"` stands where `,` or `}` is expected", 1, 16),
        ("{\"prompt\": \"x\"}}", "`}` stands where the end of the text is expected", 1, 16),
        ("{\"prompt\": \"x\",, \"seed\": 1}", "`,` stands where a key in double quotes is expected", 1, 16),
    ])
    func `the error of a .json file that is neither JSON nor YAML says why it is not JSON`(
        _ text: String, _ message: String, _ line: Int, _ column: Int
    ) {
        let error = error(text, file: "S.JSON")
        #expect(error?.code == "spec.syntax")
        #expect(error?.message == "this is not JSON: \(message)")
        #expect(error?.place?.line == line && error?.place?.column == column)
    }

    @Test func `YAML in a .json file is read`() throws {
        let spec = try parseSpec(Array("{'prompt': \"x\", seed: 3,} # c".utf8), file: "s.json").spec
        #expect(spec.editPrompt == "x" && spec.seed == 3)
    }

    @Test func `half a surrogate pair is no character`() {
        for half in ["\\ud83d", "\\ude22", "\\ud83d\\u0041", "\\ude22\\ud83d"] {
            let error = error("{\"prompt\": \"\(half)\"}")
            #expect(error?.message == "`\(half.prefix(6))` is half of a character")
        }
    }

    @Test func `depth and number of values have the same limits as in YAML`() {
        #expect(
            error(String(repeating: "[", count: 70) + String(repeating: "]", count: 70))?.code
                == "spec.too_deep")
        #expect(error("[" + String(repeating: "0,", count: 20_000) + "0]")?.code == "spec.alias_expansion")
        #expect(error(String(repeating: "[", count: 500_000))?.code == "spec.too_deep")
    }
}
