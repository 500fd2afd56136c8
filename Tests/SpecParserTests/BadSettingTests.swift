import Failures
import Settings
import SpecParser
import Testing
import TestSupport

/// The same bad values, from the table of settings, on every path by which people set something.
@Suite struct BadSettingTests {
    private static let written = BadSetting.all.filter { $0.text != nil }
    private static let codes: [SettingError.Kind: String] = [
        .unknownName: "spec.unknown_key", .type: "spec.type", .range: "spec.range",
        .notFinite: "spec.not_finite", .unknownWord: "spec.unknown_word",
    ]

    /// A mapping of one setting, on one line.
    private static func mapping(_ name: String, _ text: String) -> String {
        let parts = name.split(separator: ".")
        let inner = "{\"\(parts[parts.count - 1])\": \(text)}"
        return parts.count == 1 ? inner : "{\"\(parts[0])\": \(inner)}"
    }

    private func check(_ error: Failure?, _ bad: BadSetting) {
        #expect(error?.code == Self.codes[bad.problem])
        #expect(error?.message.contains("`\(bad.setting.name)`") == true)
        switch (bad.problem, bad.setting.kind) {
        case (.range, .integer(let range)):
            #expect(error?.hint == "Write a value from \(range.lowerBound) to \(range.upperBound).")
        case (.range, .number(let range)):
            #expect(
                error?.hint
                    == "Write a value from \(plainNumber(range.lowerBound)) to \(plainNumber(range.upperBound))."
            )
        case (.unknownWord, .word(let words)):
            #expect(words.allSatisfy { error?.hint.contains($0) == true })
        default: #expect(error?.hint.isEmpty == false)
        }
    }

    @Test(arguments: written)
    func `a spec`(_ bad: BadSetting) throws {
        let text = "prompt: x\nsettings: \(Self.mapping(bad.setting.name, try #require(bad.text)))\n"
        let error = #expect(throws: Failure.self) { try parseSpec(Array(text.utf8), file: "s.yaml") }
        check(error, bad)
        #expect(error?.place?.line == 2)
    }

    @Test(arguments: written)
    func `--set`(_ bad: BadSetting) throws {
        let plain = try #require(bad.text).replacing("\"", with: "")
        let error = #expect(throws: Failure.self) { try parseSetting("\(bad.setting.name)=\(plain)") }
        check(error, bad)
        #expect(error?.place?.file == "--set")
    }

    @Test(arguments: Setting.all.map(\.name))
    func `a misspelt name, wherever it is written`(_ name: String) {
        let wrong = Self.mapping(name + "x", "1")
        let spec = Array("settings: \(wrong)".utf8)
        let errors = [
            #expect(throws: Failure.self) { try parseSpec(spec, file: "s.yaml") },
            #expect(throws: Failure.self) { try parseSetting("\(name)x=1") },
        ]
        let key = name.split(separator: ".").last ?? ""
        for error in errors {
            #expect(error?.code == "spec.unknown_key")
            #expect(error?.message.contains("\(key)`?") == true, "\(error?.message ?? "")")
        }
    }
}

/// A setting under the name that another program gives it.
@Suite struct NamesElsewhereTests {
    @Test func `every name leads to settings that exist, and is no setting's own`() {
        let settings = Setting.all.map(\.name)
        for (name, meant) in Setting.namesElsewhere {
            #expect(name == name.lowercased() && !settings.contains(name), "\(name)")
            #expect(!meant.isEmpty && meant.allSatisfy(settings.contains), "\(name): \(meant)")
        }
    }

    @Test(arguments: [
        (
            "settings: {steps: 40}", "settings",
            "Write max_steps: 40 (Largest number of drag steps), or num_steps: 40 (Number of steps of the whole noise schedule)."
        ),
        (
            "steps: 40", "a spec",
            "Write settings: {max_steps: 40} (Largest number of drag steps), or settings: {num_steps: 40} ("
        ),
        (
            "settings: {CFG_Scale: 7.5}", "settings",
            "Write text_sampling: 7.5 (Guidance towards the edit prompt while sampling)."
        ),
        ("lora_rank: 8", "a spec", "Write settings: {lora: {rank: 8}} (Rank of the LoRA)."),
        (
            "settings: {unet_feature_idx: 3}", "settings",
            "Write feature_block: 3 (U-Net block whose features the drag compares)."
        ),
        ("settings: {lora: {learning_rate: 0.1}}", "lora", "Write lr: 0.1."),
        ("points: [[1, 2], [3, 4]]", "a spec", "Write drags: [{from: [x, y], to: [x, y]}, …]."),
        ("caption: a cat", "a spec", "Write prompt: {source: a cat}."),
    ])
    func `a spec with it`(_ line: String, _ place: String, _ hint: String) {
        let error = #expect(throws: Failure.self) { try parseSpec(Array("\(line)\n".utf8), file: "s.yaml") }
        #expect(error?.code == "spec.unknown_key")
        #expect(error?.message.contains(place) == true, "\(error?.message ?? "")")
        #expect(error?.hint.contains(hint) == true, "\(error?.hint ?? "")")
    }

    @Test func `--set with it`() {
        let error = #expect(throws: Failure.self) { try parseSetting("strength=0.5") }
        #expect(
            error?.hint
                == "Write inversion_strength (Part of the schedule that the edit inverts and samples again)."
        )
    }
}
