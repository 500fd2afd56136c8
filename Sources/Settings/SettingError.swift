/// A setting's name or value is wrong.
public struct SettingError: Error, Sendable, Equatable {
    /// Kinds of mistakes.
    public enum Kind: Sendable {
        /// No setting has this name.
        case unknownName
        /// The value is of another type.
        case type
        /// The number is out of range.
        case range
        /// The number is infinite or no number.
        case notFinite
        /// The word is none of the setting's.
        case unknownWord
    }

    /// The kind of mistake.
    public let kind: Kind
    /// What is wrong, with the setting's name.
    public let message: String
    /// What is allowed.
    public let hint: String

    init(_ kind: Kind, _ message: String, _ hint: String) {
        self.kind = kind
        self.message = message
        self.hint = hint
    }
}
