import DurableFiles
import Foundation

/// What the daemon reads of a result's trajectory.json: whose result it is, and what its files must contain.
///
/// EditJobs writes the whole record (`Trajectory`). These parts are read in every version of it: a daemon must recognise
/// the results that an earlier version published.
public struct ResultRecord: Decodable, Sendable {
    /// The job of a result.
    public struct Job: Decodable, Sendable {
        /// Its ID.
        public let id: String?
    }

    /// The record's file in a result folder.
    public static let fileName = "trajectory.json"

    /// Whose result it is.
    public let job: Job?
    /// The SHA-256 of each file of the result, by name.
    public let sha256: [String: String]?

    /// Reads the record of a result's folder; nil when there is none that can be read.
    public init?(in folder: String, _ files: any FileSystem) {
        guard let bytes = try? files.read("\(folder)/\(Self.fileName)") else { return nil }
        self.init(bytes)
    }

    /// Reads a record; nil when the bytes are none.
    public init?(_ bytes: [UInt8]) {
        guard let record = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else { return nil }
        self = record
    }
}
