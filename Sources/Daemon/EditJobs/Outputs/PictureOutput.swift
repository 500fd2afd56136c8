import Failures
import Imaging
import Settings

/// result.png or result.jpg: the edited picture.
struct PictureOutput: ResultOutput {
    var key: String { "result" }

    func fileName(of edit: FinishedEdit) -> String {
        "result.\(edit.plan.output.pictureFormat(of: edit.source).fileExtension)"
    }

    func bytes(of edit: FinishedEdit) throws(Failure) -> [UInt8] {
        try edit.edited.bytes(
            as: edit.plan.output.pictureFormat(of: edit.source), quality: edit.plan.output.quality)
    }
}
