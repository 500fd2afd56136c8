import DurableFiles
import JobFiles
import JSON

/// The folder of a failed job.
public enum FailedFolder {
    /// Whether a folder exists and belongs to a job. Someone may have removed it, and another job may have its name now.
    public static func isOf(_ job: String, _ folder: String, _ files: some FileSystem) -> Bool {
        guard (try? files.status(folder)) != nil else { return false }
        let report = (try? files.read("\(folder)/\(ErrorReport.fileName)")).flatMap {
            try? ErrorReport(reading: $0)
        }
        return (report?.job ?? job) == job
    }
}
