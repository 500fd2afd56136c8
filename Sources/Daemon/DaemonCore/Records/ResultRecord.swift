import DurableFiles
import Foundation

/// What the daemon reads of a result's trajectory.json: whose result it is, and what its files must contain.
struct ResultRecord: Decodable {
    struct Job: Decodable { let id: String? }

    let job: Job?
    /// The SHA-256 of each file of the result, by name.
    let sha256: [String: String]?
    /// Whether the edit did what was asked.
    let verdict: String?

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
