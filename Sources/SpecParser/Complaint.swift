/// What is wrong with a text at a place, before it is known whose text it is.
struct Complaint: Error, Equatable {
    /// The error's code.
    var code = "spec.syntax"
    /// What is wrong.
    var message: String
    /// The index of the character it is wrong at.
    var index: Int
    /// What to do.
    var hint: String
}
