/// What is wrong with a text at a place, before it is known whose text it is.
package struct Complaint: Error, Equatable {
    /// The error's code.
    package var code: String
    /// What is wrong.
    package var message: String
    /// The index of the character it is wrong at.
    package var index: Int
    /// What to do.
    package var hint: String

    package init(code: String = "spec.syntax", message: String, index: Int, hint: String) {
        self.code = code
        self.message = message
        self.index = index
        self.hint = hint
    }
}
