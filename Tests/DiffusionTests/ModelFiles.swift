import Foundation
import TestSupport

/// Model files that diffusers, transformers and peft made themselves (oracle/make_model_files.py). The engine must compute from
/// them what these programs compute.
enum ModelFiles {
    static let folder = "model_files"
    static let base = Fixtures.path("starter/model")

    /// A JSON value of any kind.
    struct JSONText: Decodable {
        let value: Any

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let flag = try? container.decode(Bool.self) {
                value = flag
            } else if let number = try? container.decode(Int.self) {
                value = number
            } else if let text = try? container.decode(String.self) {
                value = text
            } else if let list = try? container.decode([JSONText].self) {
                value = list.map(\.value)
            } else {
                value = try container.decode([String: JSONText].self).mapValues(\.value)
            }
        }
    }

    /// The content of a JSON file of the fixtures.
    static func decode<T: Decodable>(_ name: String) throws -> T {
        try JSONDecoder().decode(
            T.self, from: Data(contentsOf: URL(filePath: Fixtures.path("\(folder)/\(name)"))))
    }
}
