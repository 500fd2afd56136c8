import Diffusion
import DragEditing
import Failures
import Foundation
import Imaging
import Settings

/// A file of a result folder.
public struct ResultFile: Sendable {
    /// Its key in trajectory.json's `files`: `result`, `overlay`, …
    public let key: String
    /// Its name in the folder.
    public let name: String
    /// Its content.
    public let bytes: [UInt8]
}

/// A kind of file in a result folder. One output is one source file of this folder and one line of `ResultOutputs`.
protocol ResultOutput: Sendable {
    /// Its key in trajectory.json's `files`.
    var key: String { get }
    /// The name of its file.
    func fileName(of edit: FinishedEdit) -> String
    /// The content of its file.
    func bytes(of edit: FinishedEdit) throws(Failure) -> [UInt8]
    /// Whether it is made after the others, because its content depends on them.
    var isLast: Bool { get }
    /// The content of its file.
    ///
    /// - Parameter files: the files that are made already.
    func bytes(of edit: FinishedEdit, after files: [ResultFile]) throws(Failure) -> [UInt8]
}

extension ResultOutput {
    var isLast: Bool { false }
    func bytes(of edit: FinishedEdit, after files: [ResultFile]) throws(Failure) -> [UInt8] {
        try bytes(of: edit)
    }
}

/// An output that a spec requests under `output.extras`. Its file is a PNG unless the output says otherwise.
protocol ExtraOutput: ResultOutput {
    /// Its name in specs.
    var extra: OutputOptions.Extra { get }
}

extension ExtraOutput {
    var key: String { extra.rawValue }
    func fileName(of edit: FinishedEdit) -> String { "\(key).png" }
}

/// A finished edit: everything that outputs need.
struct FinishedEdit {
    /// The job's identity.
    let identity: JobIdentity
    /// When the job began.
    let started: Date
    /// The same moment by a clock that nobody sets.
    let began: ContinuousClock.Instant
    /// What was asked for.
    let plan: JobPlan
    /// The upright source and the edited picture, of the same size.
    let source, edited: Image
    /// P_o, and where it comes from.
    let caption: Caption
    /// The model.
    let model: DiffusionModel
    /// The model by the content of its files.
    let modelIdentity: ModelIdentity
    /// The engine's input.
    let request: EditRequest
    /// The engine's output.
    let result: EditResult
    /// The forecast, if there was one.
    let forecast: EditPace.Forecast?
    /// The results of judging the edit.
    let judgement: Judgement
}

/// The registry of outputs.
enum ResultOutputs {
    /// Outputs that a spec can request.
    static let extras: [any ExtraOutput] = [
        OverlayOutput(), ComparisonOutput(), AnimationOutput(), PreviewOutput(),
        ReportOutput(),
    ]

    /// Makes the files of a result. The trajectory is the last: it has the digests of all others.
    ///
    /// - Throws: `image.…` when a picture cannot be written.
    static func files(of edit: FinishedEdit) throws(Failure) -> [ResultFile] {
        let wanted = edit.plan.output.extras
        let asked: [any ResultOutput] = extras.filter { wanted.contains($0.extra) }
        let outputs: [any ResultOutput] =
            [PictureOutput()] + asked.filter { !$0.isLast } + [SpecOutput()] + asked.filter(\.isLast)
        var files: [ResultFile] = []
        for output in outputs {
            do {
                files.append(
                    ResultFile(
                        key: output.key, name: output.fileName(of: edit),
                        bytes: try output.bytes(of: edit, after: files)))
            } catch { throw error.inFile(edit.plan.imageName) }
        }
        return files + [Trajectory(of: edit, files: files).file]
    }
}
