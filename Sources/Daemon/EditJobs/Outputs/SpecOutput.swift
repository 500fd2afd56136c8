import DragEditing
import Failures
import Settings
import SpecParser

/// spec.yaml: the spec with the values that the run used, with every default filled in.
struct SpecOutput: ResultOutput {
    var key: String { "spec" }

    func fileName(of edit: FinishedEdit) -> String { "spec.yaml" }

    func bytes(of edit: FinishedEdit) throws(Failure) -> [UInt8] {
        let plan = edit.plan
        let text = SpecWriting.effectiveYAML(
            plan.parsed.spec, image: plan.imageName, sourcePrompt: edit.caption.text, preset: plan.preset,
            method: plan.method.name,
            settings: plan.settings.values, output: plan.output)
        return Array(text.utf8)
    }
}
