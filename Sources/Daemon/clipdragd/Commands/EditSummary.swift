import DurableFiles
import EditJobs
import JSON
import Processes
import Verdicts

/// What `edit` says at its end: verdict and notes on standard error, the result's path on standard output; with `--json` all of
/// it as one object.
struct EditSummary: Record {
    static let schema = "clipdrag-edit/1"
    /// The picture's path.
    let result: String
    /// What the edit did.
    let verdict: EditVerdict
    /// Things worth knowing that are no errors.
    let notes: [String]

    /// - Parameters:
    ///   - products: the result's files, its picture first.
    ///   - folder: where they lie.
    init(_ products: JobProducts, in folder: String) {
        result = "\(folder)/\(products.files.first?.name ?? "")"
        (verdict, notes) = (products.verdict, products.notes)
    }

    /// Prints it.
    func print(json isJSON: Bool) {
        if isJSON { return Swift.print(oneLine) }
        let lines = ["verdict: \(verdict.words)"] + notes.map { "note: \($0)" }
        for line in lines { StandardStream.errors.write(PathCoding.onOneLine(line) + "\n") }
        Swift.print(result)
    }
}
