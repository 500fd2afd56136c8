import Failures
import Imaging
import Settings

/// comparison.png: the source, the overlay and the result side by side, opaque.
struct ComparisonOutput: ExtraOutput {
    var extra: OutputOptions.Extra { .comparison }

    func bytes(of edit: FinishedEdit) throws(Failure) -> [UInt8] {
        let pictures = [edit.source, OverlayOutput.picture(edit.source, edit.result), edit.edited]
        let opaque = pictures.map { picture in
            var picture = picture
            picture.alpha = nil
            return picture
        }
        return try Image.sideBySide(opaque).pngBytes()
    }
}
