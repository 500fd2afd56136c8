import Diffusion
import DragEditing
import Failures
import Imaging
import Settings
import TensorCore

/// animation.png (APNG): the source, predictions along the edit, and the result, at working size.
struct AnimationOutput: ExtraOutput {
    /// The largest number of predictions in it.
    private static let predictionLimit = 12

    var extra: OutputOptions.Extra { .animation }

    func bytes(of edit: FinishedEdit) throws(Failure) -> [UInt8] {
        try AnimatedPNG.bytes(frames: frames(edit), milliseconds: 120, lastMilliseconds: 1500)
    }

    private func frames(_ edit: FinishedEdit) -> [Image] {
        let result = edit.result
        let predictions = result.record.previews
        let count = min(Self.predictionLimit, predictions.count)
        let chosen = (0..<count).map { predictions[$0 * predictions.count / count] }
        let pictures =
            [result.working] + chosen.map { edit.model.decode(Variable($0)).value } + [result.decoded]
        return pictures.map { picture in
            let (height, width) = (picture.shape[1], picture.shape[2])
            return Image(
                width: width, height: height,
                samples: picture.values.map { UInt16(min(max($0, 0), 1) * 255 + 0.5) },
                colours: edit.source.colours)
        }
    }
}
