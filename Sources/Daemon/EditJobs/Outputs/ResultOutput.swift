import Diffusion
import DragEditing
import Failures
import Foundation
import Imaging
import Settings

/// A file of a result folder.
public struct ResultFile: Sendable {
    /// What trajectory.json's `files` calls it: `result`, `overlay`, …
    public let key: String
    /// Its name in the folder.
    public let name: String
    /// Its content.
    public let bytes: [UInt8]
}

/// A kind of file that an edit leaves in its result folder. One output is one file of this folder and one line of
/// `ResultOutputs`.
protocol ResultOutput: Sendable {
    /// What trajectory.json's `files` calls it.
    var key: String { get }
    /// The name of its file, made from a finished edit.
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

/// An output that a spec asks for under `output.extras`. Its file is a PNG unless the output says otherwise.
protocol ExtraOutput: ResultOutput {
    /// What specs call it.
    var extra: OutputOptions.Extra { get }
}

extension ExtraOutput {
    var key: String { extra.rawValue }
    func fileName(of edit: FinishedEdit) -> String { "\(key).png" }
}

/// All that outputs are made from.
struct FinishedEdit {
    /// Which job it is.
    let identity: JobIdentity
    /// When the job began.
    let started: Date
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
    /// What the engine was given.
    let request: EditRequest
    /// What the engine gave.
    let result: EditResult
    /// What was forecast, if it was.
    let forecast: EditPace.Forecast?
    /// What was found out about the edit after it.
    let judgement: Judgement
}

/// The registry of outputs.
enum ResultOutputs {
    /// Outputs that a spec asks for.
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
