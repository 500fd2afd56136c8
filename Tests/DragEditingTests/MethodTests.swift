import DragEditing
import Settings
import Testing

/// What every method states, and the registry of them.
@Suite struct MethodTests {
    @Test func `methods are found by their names, and each name is one method's`() {
        let names = DragMethods.all.map(\.name)
        #expect(Set(names).count == names.count)
        for name in names { #expect(DragMethods.named(name)?.name == name) }
        #expect(DragMethods.named("clipdrags") == nil)
        #expect(DragMethods.standard.name == "clipdrag")
    }

    @Test func `every setting is read by a stage or by a method, and no method names a setting that is none`()
    {
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
    func `CLIPDrag needs a guide unless only the drag moves the latent, and a step of it costs less then`() {
        var settings = EditSettings()
        #expect(CLIPDrag().needs(settings).guide)
        #expect(CLIPDrag().cost(settings).step == Work(passes: 1, pullBacks: 2, decodes: 2))
        settings.fusion = .drag
        #expect(!CLIPDrag().needs(settings).guide)
        #expect(CLIPDrag().cost(settings).step == Work(passes: 1, pullBacks: 1))
        #expect(CLIPDrag().cost(settings).steps == settings.dragStepLimit)
    }
}
