import Settings
import Testing
import TestSupport

@Suite struct SettingTableTests {
    @Test func `every setting has a unique name and a text, and accepts its own default`() throws {
        let names = Setting.all.map(\.name)
        #expect(Set(names).count == names.count)
        for setting in Setting.all {
            #expect(setting.text.hasSuffix(".") && setting.text.count > 10, "\(setting.name)")
            try setting.check(setting.defaultValue)
        }
    }

    @Test func `every dotted name lies in a group`() {
        let grouped = Setting.groups.flatMap { group in group.members.map { "\(group.name).\($0.key)" } }
        #expect(Set(Setting.ungrouped.map(\.name) + grouped) == Set(Setting.all.map(\.name)))
    }

    @Test func `each row reads and writes its own field`() throws {
        for setting in Setting.all {
            var settings = EditSettings()
            let other = Self.another(setting)
            try settings.set(setting.name, to: other)
            #expect(setting.value(in: settings) == other, "\(setting.name)")
            for neighbour in Setting.all where neighbour.name != setting.name {
                #expect(
                    neighbour.value(in: settings) == neighbour.defaultValue,
                    "\(setting.name) changes \(neighbour.name)")
            }
        }
    }

    /// A good value that is not the default.
    private static func another(_ setting: Setting) -> SettingValue {
        switch setting.kind {
        case .integer(let range):
            setting.defaultValue == .integer(range.lowerBound)
                ? .integer(range.upperBound) : .integer(range.lowerBound)
        case .number(let range):
            setting.defaultValue == .number(range.lowerBound)
                ? .number(range.upperBound) : .number(range.lowerBound)
        case .word(let words): .word(words.first { .word($0) != setting.defaultValue } ?? "")
        case .flag: setting.defaultValue == .flag(true) ? .flag(false) : .flag(true)
        case .duration: .number(90)
        }
    }

    @Test(arguments: BadSetting.all.filter { $0.value != nil })
    func `the settings refuse every bad value`(_ bad: BadSetting) throws {
        let value = try #require(bad.value)
        var settings = EditSettings()
        let error = #expect(throws: SettingError.self) { try settings.set(bad.setting.name, to: value) }
        #expect(error?.kind == bad.problem)
        #expect(error?.message.contains("`\(bad.setting.name)`") == true && error?.hint.isEmpty == false)
        #expect(settings == EditSettings())
        // A model's values go the same way.
        #expect(throws: SettingError.self) {
            try Preset.recommended.settings(model: [(bad.setting.name, value)])
        }
    }

    @Test func `the error of an unknown name suggests the nearest known one`() {
        for setting in Setting.all {
            let error = #expect(throws: SettingError.self) { try Setting.named(setting.name + "x") }
            #expect(error?.kind == .unknownName)
            #expect(error?.message.contains("did you mean `\(setting.name)`?") == true, "\(setting.name)")
        }
    }
}
