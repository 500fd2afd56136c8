import Diffusion
import DragEditing
import Failures
import Imaging
import JSON
import ModelManagement
import Settings

/// report.html: a page about the edit. Of the extras it is made last, because it has the digests of the others.
struct ReportOutput: ExtraOutput {
    var extra: OutputOptions.Extra { .report }

    func fileName(of edit: FinishedEdit) -> String { Report.fileName }

    var isLast: Bool { true }

    func bytes(of edit: FinishedEdit) throws(Failure) -> [UInt8] { try bytes(of: edit, after: []) }

    func bytes(of edit: FinishedEdit, after files: [ResultFile]) throws(Failure) -> [UInt8] {
        let trajectory = Trajectory(of: edit, files: files)
        let spec = String(decoding: try SpecOutput().bytes(of: edit), as: UTF8.self)
        let report = try Report(
            trajectory, spec: spec, source: edit.source, edited: edit.edited, mask: edit.result.mask,
            recommended: try ModelStore.recommended(edit.model.folder), digests: trajectory.sha256.all)
        return Array(report.html.utf8)
    }
}
