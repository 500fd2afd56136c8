import DragEditing
import Failures
import Imaging
import Settings

/// preview.png: what the spec asks for, as `clipdragd preview` draws it.
struct PreviewOutput: ExtraOutput {
    var extra: OutputOptions.Extra { .preview }

    func bytes(of edit: FinishedEdit) throws(Failure) -> [UInt8] {
        guard let preview = EditPreview(edit.plan, latent: edit.result.latentSize) else {
            preconditionFailure("a plan without a picture cannot be run")
        }
        return try preview.image.pngBytes()
    }
}
