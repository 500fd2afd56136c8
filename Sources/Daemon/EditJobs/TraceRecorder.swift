import Diffusion
import DragEditing
import DurableFiles
import Foundation
import JSON
import TensorCore

/// Collects a run's tensors and rows under the oracle's names (oracle README, "What a run leaves").
public final class TraceRecorder {
    private var tensors: [String: Tensor] = [:]
    private var integers: Set<String> = []
    private var bytes: Set<String> = []
    private var rows: JSONValue = .null
    /// The LoRA that was trained or given.
    public private(set) var lora: LoRA?

    private let wantsTensors: Bool

    /// An empty trace.
    ///
    /// - Parameter wantsTensors: false for the LoRA alone: then no tensor is computed for the trace.
    public init(wantsTensors: Bool) { self.wantsTensors = wantsTensors }

    /// Where the edit sends its tensors.
    var receiver: Trace.Receiver? { wantsTensors ? { self.record($0, $1) } : nil }

    private func record(_ name: String, _ tensor: Tensor) {
        tensors[name] = tensor.shape.count == 4 ? tensor.channelsFirst : tensor
        if name == "mask.latent" { bytes.insert(name) }
    }

    func finish(_ result: EditResult, _ request: EditRequest) {
        lora = result.lora
        let record = result.record
        for row in record.iterations {
            let number = String(row.k)
            let key = "iter.\(String(repeating: "0", count: max(0, 4 - number.count)))\(number).handles"
            tensors[key] = Tensor(
                [row.handles.count, 2], row.handles.flatMap { [Float($0.column), Float($0.row)] })
            integers.insert(key)
        }
        func cell(_ c: GridCell) -> JSONValue { .array([.integer(c.column), .integer(c.row)]) }
        let constants = record.constants.sorted { $0.key < $1.key }.map {
            (key: $0.key, value: JSONValue.array($0.value.map { .integer($0) }))
        }
        let head: [(key: String, value: JSONValue)] = [
            ("iterations", .array(record.iterations.map { Self.row($0, record, cell) })),
            ("outcome", .string(record.outcome.rawValue)),
            ("timestep", .integer(result.timestep)),
            ("handles_final", .array(record.handles.map { cell($0.position) })),
            ("handles_start", .array(record.handles.map { cell($0.start) })),
            ("targets", .array(record.handles.map { cell($0.target) })),
            ("grid", .array([.integer(record.grid.size.width), .integer(record.grid.size.height)])),
        ]
        let tail: [(key: String, value: JSONValue)] = [
            ("image", .array([.integer(request.size.width), .integer(request.size.height)])),
            ("working", .array([.integer(result.working.shape[2]), .integer(result.working.shape[1])])),
            ("latent", .array([.integer(result.latentSize.width), .integer(result.latentSize.height)])),
            (
                "seconds",
                .object(
                    result.seconds.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                        ($0.key.rawValue, .number($0.value))
                    })
            ),
            ("lora_losses", .array(result.fineTuningLosses.map { .number($0) })),
        ]
        rows = .object(head + constants + tail)
    }

    private static func row(
        _ row: EditRecord.Iteration, _ record: EditRecord, _ cell: (GridCell) -> JSONValue
    ) -> JSONValue {
        var fields: [(key: String, value: JSONValue)] = [
            ("k", .integer(row.k)), ("handles", .array(row.handles.map(cell))),
            ("distances", .array(row.distances.map { .number($0) })),
        ]
        guard let norm = row.updateNorm else { return .object(fields + [("stopped", .bool(true))]) }
        fields += record.numberNames.map { ($0, .optional(row.numbers[$0])) }
        fields += [("norm", .number(norm)), ("seconds", .number(row.seconds))]
        return .object(fields)
    }

    /// Writes the tensors to `path` and the rows beside it, with the extension json.
    public func save(as path: String, _ files: some FileSystem) throws(FileError) {
        try files.replace(path, SafeTensors.encoded(tensors, asInteger: integers, asByte: bytes), mode: 0o644)
        try files.replace(
            "\(parent(path))/\(stem(lastComponent(path))).json", Array(rows.lines.utf8), mode: 0o644)
    }
}
