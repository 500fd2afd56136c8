import DurableFiles
import Foundation
import Verdicts

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
    /// What the edit did; nil where the record does not say it in known words, as version 1 does not.
    public let verdict: EditVerdict?

    private enum CodingKeys: String, CodingKey { case job, sha256, verdict }

    /// Reads the parts.
    public init(from decoder: any Decoder) throws {
        let record = try decoder.container(keyedBy: CodingKeys.self)
        job = try record.decodeIfPresent(Job.self, forKey: .job)
        sha256 = try record.decodeIfPresent([String: String].self, forKey: .sha256)
        verdict = try? record.decodeIfPresent(EditVerdict.self, forKey: .verdict)
    }

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
