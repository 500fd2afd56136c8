import DurableFiles
import Foundation
import Verdicts

/// What the daemon reads of a result's trajectory.json: whose result it is, and what its files must contain.
struct ResultRecord: Decodable {
    struct Job: Decodable { let id: String? }

    let job: Job?
    /// The SHA-256 of each file of the result, by name.
    let sha256: [String: String]?
    /// What the edit did; nil where the record says it in no known words, as those of version 1 do.
    let verdict: EditVerdict?

    private enum CodingKeys: String, CodingKey { case job, sha256, verdict }

    init(from decoder: any Decoder) throws {
        let record = try decoder.container(keyedBy: CodingKeys.self)
        job = try record.decodeIfPresent(Job.self, forKey: .job)
        sha256 = try record.decodeIfPresent([String: String].self, forKey: .sha256)
        verdict = try? record.decodeIfPresent(EditVerdict.self, forKey: .verdict)
    }

    static let fileName = "trajectory.json"

    /// The record of a result's folder; nil when there is none that can be read.
    init?(in folder: String, _ files: any FileSystem) {
        guard let bytes = try? files.read("\(folder)/\(Self.fileName)") else { return nil }
        self.init(bytes)
    }

    init?(_ bytes: [UInt8]) {
        guard let record = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else { return nil }
        self = record
    }
}
