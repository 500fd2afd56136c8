import Foundation
import TensorCore

/// The recorded inputs and outputs of the oracle (Tests/Fixtures/README.md).
public enum Fixtures {
    /// Tests/Fixtures, from this file's own place.
    public static let folder = URL(filePath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent()
        .appending(path: "Fixtures").path(percentEncoded: false)

    /// The three tiny models.
    public static let families = ["sd15", "sd21", "starter"]

    /// A file below the fixtures' folder.
    public static func path(_ name: String) -> String { "\(folder)/\(name)" }

    /// A safetensors file below the fixtures' folder.
    public static func tensors(_ name: String) throws -> SafeTensors { try SafeTensors(path: path(name)) }

    /// A JSON file below the fixtures' folder.
    public static func json(_ name: String) throws -> Any {
        try JSONSerialization.jsonObject(with: Data(contentsOf: URL(filePath: path(name))))
    }
}

extension SafeTensors {
    /// A tensor that must be there.
    public func required(_ key: String) throws -> Tensor {
        guard let tensor = tensor(key) else { throw MissingTensor(path: path, key: key) }
        return tensor
    }

    /// An image batch that must be there, channels-last.
    public func image(_ key: String) throws -> Tensor { try required(key).channelsLast }
}

extension Tensor {
    /// `(n, h, w, c)` from `(n, c, h, w)`.
    public var channelsLast: Tensor {
        precondition(shape.count == 4, "not an image batch: \(shape)")
        let (n, c, pixels) = (shape[0], shape[1], shape[2] * shape[3])
        return Tensor([n, shape[2], shape[3], c]) { to in
            withUnsafeValues { from in
                for i in 0..<n * pixels {
                    for k in 0..<c { to[i * c + k] = from[(i / pixels * c + k) * pixels + i % pixels] }
                }
            }
        }
    }
}

/// ‖x − y‖₂ / ‖y‖₂; where y is 0, 0 for an x that is 0 too, else infinite. Infinite for different counts.
public func relativeError(_ x: Tensor, _ y: Tensor) -> Double {
    guard x.count == y.count else { return .infinity }
    let difference = (x - y).norm
    if y.norm == 0 { return difference == 0 ? 0 : .infinity }
    return difference / y.norm
}

/// A fixture lacks a tensor that a test asks for.
public struct MissingTensor: Error {
    let path, key: String
}
