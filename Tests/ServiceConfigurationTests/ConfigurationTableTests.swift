import Failures
import ServiceConfiguration
import Settings
import Testing

@Suite struct ConfigurationTableTests {
    /// A configuration that says one thing.
    private static func text(_ key: ConfigurationKey, _ value: String) -> [UInt8] {
        Array((key.group.map { "\($0): {\(key.key): \(value)}" } ?? "\(key.key): \(value)").utf8)
    }

    /// Values that a key must not take.
    private static func bad(_ key: ConfigurationKey) -> [(text: String, code: String)] {
        switch key.kind {
        case .value(.integer(let range)):
            [
                ("\(range.lowerBound - 1)", "spec.range"), ("\(range.upperBound + 1)", "spec.range"),
                ("1.5", "spec.type"), ("many", "spec.type"), ("[1]", "spec.type"),
            ]
        case .value(.number(let range)):
            [
                ("\(range.lowerBound.nextDown)", "spec.range"), ("\(range.upperBound.nextUp)", "spec.range"),
                (".nan", "spec.not_finite"), ("-.inf", "spec.not_finite"), ("1e999", "spec.not_finite"),
                ("long", "spec.type"),
            ]
        case .value(.word): [("elsewhere", "spec.unknown_word"), ("[a]", "spec.type")]
        case .value(.flag): [("1", "spec.type")]
        case .value(.duration): [("10", "spec.type"), ("-1s", "spec.type"), (".inf", "spec.type")]
        case .text: [("3", "spec.type"), ("[a]", "spec.type")]
        case .path: [("relative", "config.relative_path"), ("3", "spec.type"), ("{}", "spec.type")]
        case .size(let least): [("\(least - 1)", "spec.type"), ("1T", "spec.type"), ("1.5", "spec.type")]
        case .mode: [("644", "spec.type"), ("\"0999\"", "spec.type"), ("\"0044\"", "spec.type")]
        case .preset: [("fast", "spec.unknown_preset"), ("[quick]", "spec.type")]
        case .method: [("fast", "spec.unknown_method"), ("[none]", "spec.type")]
        case .inboxes, .captions: [("3", "spec.type"), ("{}", "spec.type")]
        case .output: [("3", "spec.type"), ("{formt: png}", "spec.unknown_key")]
        }
    }

    @Test func `no key takes a bad value, and the error names the key and what is allowed`() {
        for key in ConfigurationKey.all {
            for (text, code) in Self.bad(key) {
                let failure = #expect(throws: Failure.self, "\(key.name): \(text)") {
                    try parseConfiguration(Self.text(key, text), file: "c.yaml")
                }
                #expect(failure?.code == code, "\(key.name): \(text)")
                #expect(failure?.kind == .badConfiguration && failure?.place?.line == 1)
                #expect(failure?.message.contains("`\(key.key)`") == true, "\(failure?.message ?? "")")
                #expect(failure?.hint.isEmpty == false)
            }
        }
    }

    @Test func `the error of a misspelt key suggests the intended one`() {
        for key in ConfigurationKey.all {
            let wrong = key.group.map { "\($0): {\(key.key)x: 1}" } ?? "\(key.key)x: 1"
            let failure = #expect(throws: Failure.self) {
                try parseConfiguration(Array(wrong.utf8), file: "c.yaml")
            }
            #expect(failure?.code == "spec.unknown_key")
            #expect(failure?.message.contains("did you mean `\(key.key)`?") == true, "\(wrong)")
        }
    }

    @Test func `null restores the default of every key`() throws {
        for key in ConfigurationKey.all {
            #expect(try parseConfiguration(Self.text(key, "null"), file: "c.yaml") == Configuration())
        }
    }
}
