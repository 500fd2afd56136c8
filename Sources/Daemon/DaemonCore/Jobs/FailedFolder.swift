import DurableFiles
import JobFiles
import JSON

/// A folder in which a failed job was set aside.
public enum FailedFolder {
    /// Whether a folder is there and still is a job's. It may have been emptied by hand, and its name be another's by now.
    public static func isOf(_ job: String, _ folder: String, _ files: some FileSystem) -> Bool {
        guard (try? files.status(folder)) != nil else { return false }
        let report = (try? files.read("\(folder)/\(ErrorReport.fileName)")).flatMap {
            try? ErrorReport(reading: $0)
        }
        return (report?.job ?? job) == job
    }
}
