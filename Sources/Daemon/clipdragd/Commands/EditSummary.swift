import DurableFiles
import EditJobs
import JSON
import Processes

/// What `edit` says at its end: verdict and notes on standard error, the result's path on standard output.
struct EditSummary {
    private let result: String
    private let verdict: String
    private let notes: [String]

    /// - Parameters:
    ///   - products: the result's files, its picture first.
    ///   - folder: where they lie.
    init(_ products: [ResultFile], in folder: String) {
        result = "\(folder)/\(products.first?.name ?? "")"
        let trajectory = products.first { $0.name == Trajectory.fileName }.flatMap {
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
    func print(json: Bool) {
        if json {
            let fields: [(key: String, value: JSONValue)] = [
                ("result", .string(result)), ("verdict", .string(verdict)),
                ("notes", .array(notes.map { .string($0) })),
            ]
            return Swift.print(JSONValue.object(fields).line)
        }
        let lines = ["verdict: \(verdict)"] + notes.map { "note: \($0)" }
        for line in lines { StandardStream.errors.write(PathCoding.onOneLine(line) + "\n") }
        Swift.print(result)
    }
}
