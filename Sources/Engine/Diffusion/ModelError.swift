/// A model folder or weights file cannot be used.
public struct ModelError: Error, Sendable, Equatable {
    /// Stable and dotted: `model.missing`, `model.key_missing`, `model.key_unknown`, `model.shape`, `model.config`,
    /// `model.unsupported`, `model.file`.
    public let code: String
    /// What is wrong, naming file and key.
    public let message: String
    /// What to do.
    public let hint: String

    /// An error of the given code.
    public init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }
}
