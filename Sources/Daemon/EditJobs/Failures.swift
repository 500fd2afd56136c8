import Diffusion
import DragEditing
import Imaging
import JobFiles
import Settings
import SpecParser

/// Errors of the modules below, as failures of a job.
extension JobFailure {
    /// A spec or configuration with a mistake.
    public init(_ error: SpecError, exit: Exit = .badData) {
        self.init(
            code: error.code, message: error.message, file: error.file, line: error.mark.line,
            column: error.mark.column,
            hint: error.hint, exit: exit, rendered: error.description)
    }

    /// A picture that cannot be read.
    public init(_ error: ImageError, file: String) {
        self.init(code: error.code, message: error.message, file: file, hint: error.hint, exit: .badData)
    }

    /// An edit that cannot be made.
    public init(_ error: EditError) {
        self.init(
            code: error.code, message: error.message, hint: error.hint,
            exit: error.code == "edit.no_guide" ? .modelUnavailable : .badData)
    }

    /// A setting that does not fit.
    init(_ error: SettingError, model: String) {
        self.init(
            code: "model.config", message: error.message, file: "\(model)/clipdrag.json", hint: error.hint,
            exit: .modelUnavailable)
    }
}
