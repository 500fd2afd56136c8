import DragEditing
import Settings
import Testing

/// What every method states, and the registry of them.
@Suite struct MethodTests {
    @Test func `the registry finds each method by its unique name`() {
        let names = DragMethods.all.map(\.name)
        #expect(Set(names).count == names.count)
        for name in names { #expect(DragMethods.named(name)?.name == name) }
        #expect(DragMethods.named("clipdrags") == nil)
        #expect(names == MethodRow.names)
        #expect(DragMethods.standard.name == MethodRow.standard)
    }

    @Test func `stages and methods together name every setting, and no other`() {
        let keys = Set(Setting.all.map(\.name))
        #expect(EditSettings.stageSettingNames.isSubset(of: keys))
        for method in DragMethods.all {
            #expect(method.settingNames.isSubset(of: keys), "\(method.name)")
            #expect(method.settingNames.isDisjoint(with: EditSettings.stageSettingNames), "\(method.name)")
            #expect(Set(method.cost(EditSettings()).stepSettingNames).isSubset(of: keys), "\(method.name)")
        }
        let read = DragMethods.all.reduce(EditSettings.stageSettingNames) { $0.union($1.settingNames) }
        #expect(read == keys)
    }

    @Test
    func
        `a method's published settings hold in every preset, and a model's own values of what depends on it`()
        throws
    {
        let row = try #require(MethodRow.named("dragdiffusion"))
        let model: [(name: String, value: SettingValue)] = [
            ("feature_block", .integer(2)), ("tracking", .word("fast")), ("warp", .integer(1)),
            ("max_steps", .integer(7)),
        ]
        for preset in Preset.allCases {
            let settings = try preset.settings(of: row, model: model)
            let isPlain = preset == .paper || preset == .released
            #expect(
                settings.tracking == .nearest && settings.motionTemplate == .current && settings.warp == 0)
            #expect(settings.featureBlock == (isPlain ? 3 : 2))
            #expect(settings.dragStepLimit == (preset == .quick ? 40 : 80))
            #expect(settings.keepsSource == !isPlain)
        }
        // A bad value of the model is an error even where the method's own holds.
        #expect(throws: SettingError.self) {
            try Preset.recommended.settings(of: row, model: [("tracking", .word("slow"))])
        }
    }

    @Test func `what a method publishes are settings that it or a stage reads`() throws {
        for row in MethodRow.all {
            let method = try #require(DragMethods.named(row.name))
            let read = method.settingNames.union(EditSettings.stageSettingNames)
            for (name, value) in row.published {
                #expect(read.contains(name), "\(row.name): \(name)")
                try Setting.named(name).check(value)
            }
        }
    }

    @Test func `every method that follows a gradient takes the text's gradient where fusion asks for it`() {
        var settings = EditSettings()
        for method in DragMethods.all.compactMap({ $0 as? any GradientMethod }) {
            settings.fusion = .drag
            #expect(!method.needs(settings).guide, "\(method.name)")
            let plain = method.cost(settings).step
            settings.fusion = .clipdrag
            #expect(method.needs(settings).guide, "\(method.name)")
            #expect(method.cost(settings).step.pullBacks > plain.pullBacks, "\(method.name)")
        }
    }

    @Test
    func `with fusion drag, CLIPDrag needs no guide and its step costs less`() {
        var settings = EditSettings()
        #expect(CLIPDrag().needs(settings).guide)
        #expect(CLIPDrag().cost(settings).step == Work(passes: 1, pullBacks: 2, decodes: 2))
        settings.fusion = .drag
        #expect(!CLIPDrag().needs(settings).guide)
        #expect(CLIPDrag().cost(settings).step == Work(passes: 1, pullBacks: 1))
        #expect(CLIPDrag().cost(settings).steps == settings.dragStepLimit)
    }
}
