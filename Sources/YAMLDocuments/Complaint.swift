/// A mistake at a place in a text, without the file's name.
package struct Complaint: Error, Equatable {
    /// The error's code.
    package var code: String
    /// What is wrong.
    package var message: String
    /// The index of the character at fault.
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
