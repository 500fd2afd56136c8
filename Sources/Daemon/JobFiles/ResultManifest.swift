import Foundation
import JSON

/// What trajectory.json says of the files beside it. The daemon publishes a folder by it and knows no more of the record.
public struct ResultManifest: Decodable {
    /// The record's file.
    public static let fileName = "trajectory.json"

    /// Digests of the other files by name; nil where the record lists none.
    public let sha256: OrderedFields<String>?

    /// Reads a trajectory; nil when it is damaged.
    public init?(reading bytes: [UInt8]) {
        guard let manifest = try? JSONDecoder().decode(Self.self, from: Data(bytes)) else { return nil }
        self = manifest
    }
}
