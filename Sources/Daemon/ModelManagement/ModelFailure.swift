import Diffusion
import JobFiles

extension JobFailure {
    /// A model that cannot be used.
    public init(_ error: ModelError) {
        self.init(code: error.code, message: error.message, hint: error.hint, exit: .modelUnavailable)
    }
}
