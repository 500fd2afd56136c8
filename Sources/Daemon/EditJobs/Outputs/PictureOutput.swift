import Failures
import Imaging
import SpecParser

/// result.png or result.jpg: the edited picture.
struct PictureOutput: ResultOutput {
    var key: String { "result" }

    func fileName(of edit: FinishedEdit) -> String { "result.\(format(of: edit).fileExtension)" }

    func bytes(of edit: FinishedEdit) throws(Failure) -> [UInt8] {
        try edit.edited.bytes(as: format(of: edit), quality: edit.plan.output.quality)
    }

    private func format(of edit: FinishedEdit) -> Image.Format {
        switch edit.plan.output.format {
        case .same: edit.source.format
        case .png: .png
        case .jpeg: .jpeg
        }
    }
}
