import Foundation

/// A safetensors file as it lies on disk: tests cut it up and put it together without touching a tensor's bytes.
public struct CheckpointFile {
    /// A tensor.
    public struct Entry {
        /// The type's name in the header.
        public var dtype: String
        /// Sizes of its dimensions.
        public var shape: [Int]
        /// Its bytes.
        public var bytes: Data

        /// A tensor of these bytes.
        public init(dtype: String, shape: [Int], bytes: Data) {
            self.dtype = dtype
            self.shape = shape
            self.bytes = bytes
        }
    }

    /// Tensors by name.
    public var entries: [String: Entry]
    /// The header's `__metadata__`.
    public var metadata: [String: String] = [:]
    /// The same as other writers put it, with values that are no texts; counts where it is not empty.
    public var rawMetadata: [String: Any] = [:]

    /// A file of these tensors.
    public init(_ entries: [String: Entry]) { self.entries = entries }

    /// A file of tensors of zeros, by shape.
    public init(zeros shapes: [String: [Int]]) {
        entries = shapes.mapValues {
            Entry(dtype: "F16", shape: $0, bytes: Data(count: 2 * $0.reduce(1, *)))
        }
    }

    /// Reads a file.
    public init(path: String) throws {
        let data = try Data(contentsOf: URL(filePath: path))
        let length = (0..<8).reduce(0) { $0 | Int(data[$1]) << (8 * $1) }
        let header = try JSONSerialization.jsonObject(with: data[8..<8 + length]) as? [String: Any] ?? [:]
        entries = [:]
        for (key, value) in header where key != "__metadata__" {
            guard let fields = value as? [String: Any], let dtype = fields["dtype"] as? String,
                let shape = fields["shape"] as? [Int], let range = fields["data_offsets"] as? [Int]
            else { continue }
            entries[key] = Entry(
                dtype: dtype, shape: shape, bytes: data[8 + length + range[0]..<8 + length + range[1]])
        }
    }

    /// The file's bytes.
    public var data: Data {
        var header: [String: Any] = [:]
        var body = Data()
        for (key, entry) in entries.sorted(by: { $0.key < $1.key }) {
            header[key] = [
                "dtype": entry.dtype, "shape": entry.shape,
                "data_offsets": [body.count, body.count + entry.bytes.count],
            ]
            body += entry.bytes
        }
        if !metadata.isEmpty { header["__metadata__"] = metadata }
        if !rawMetadata.isEmpty { header["__metadata__"] = rawMetadata }
        var text = (try? JSONSerialization.data(withJSONObject: header)) ?? Data()
        while text.count % 8 != 0 { text.append(UInt8(ascii: " ")) }
        return Data((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) }) + text + body
    }

    /// Writes the file.
    public func write(_ path: String) throws { try data.write(to: URL(filePath: path)) }
}
