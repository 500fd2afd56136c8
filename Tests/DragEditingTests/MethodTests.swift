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
