import DurableFiles
import EditJobs
import JSON
import JobFiles
import Processes

/// What `edit` says at its end: verdict and notes on standard error, the result's path on standard output; with `--json` all of
/// it as one object.
struct EditSummary: Record {
    static let schema = "clipdrag-edit/1"
    /// The picture's path.
    let result: String
    /// Whether the edit did what was asked.
    let verdict: String
    /// Things worth knowing that are no errors.
    let notes: [String]

    /// - Parameters:
    ///   - products: the result's files, its picture first.
    ///   - folder: where they lie.
    init(_ products: [ResultFile], in folder: String) {
        result = "\(folder)/\(products.first?.name ?? "")"
        let trajectory = products.first { $0.name == ResultRecord.fileName }.flatMap {
            JSONValue(parsing: $0.bytes)
        }
        verdict = trajectory?["verdict"]?.string ?? ""
        guard case .array(let items)? = trajectory?["notes"] else {
            notes = []
            return
        }
        notes = items.compactMap(\.string)
    }

    /// Prints it.
    func print(json isJSON: Bool) {
        if isJSON { return Swift.print(oneLine) }
        let lines = ["verdict: \(verdict)"] + notes.map { "note: \($0)" }
        for line in lines { StandardStream.errors.write(PathCoding.onOneLine(line) + "\n") }
        Swift.print(result)
    }
}
