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

    /// An empty trace.
    public init() {}

    func record(_ name: String, _ tensor: Tensor) {
        tensors[name] = tensor.shape.count == 4 ? tensor.channelsFirst : tensor
        if name == "mask.latent" { bytes.insert(name) }
    }

    func finish(_ result: EditResult, _ request: EditRequest) {
        lora = result.lora
        for row in result.loop.iterations {
            let number = String(row.k)
            let key = "iter.\(String(repeating: "0", count: max(0, 4 - number.count)))\(number).handles"
            tensors[key] = Tensor(
                [row.handles.count, 2], row.handles.flatMap { [Float($0.column), Float($0.row)] })
            integers.insert(key)
        }
        func cell(_ c: GridCell) -> JSONValue { .array([.integer(c.column), .integer(c.row)]) }
        let radii = result.grid.radii(request.settings)
        rows = .object([
            ("iterations", .array(result.loop.iterations.map { Self.row($0, cell) })),
            ("outcome", .string(result.loop.outcome.rawValue)),
            ("timestep", .integer(result.timestep)), ("handles_final", .array(result.loop.handles.map(cell))),
            ("handles_start", .array(result.handles.map { cell($0.start) })),
            ("targets", .array(result.handles.map { cell($0.target) })),
            ("grid", .array([.integer(result.grid.size.width), .integer(result.grid.size.height)])),
            ("radii", .array([.integer(radii.supervision), .integer(radii.tracking)])),
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
        ])
    }

    private static func row(_ row: DragLoop.Iteration, _ cell: (GridCell) -> JSONValue) -> JSONValue {
        var fields: [(key: String, value: JSONValue)] = [
            ("k", .integer(row.k)), ("handles", .array(row.handles.map(cell))),
            ("distances", .array(row.distances.map { .number($0) })),
        ]
        guard row.norm != nil else { return .object(fields + [("stopped", .bool(true))]) }
        fields += [
            ("motion_loss", .optional(row.motionLoss)), ("clip_loss", .optional(row.clipLoss)),
            ("cosine", .optional(row.cosine)),
            ("local_norm", .optional(row.localNorm)), ("global_norm", .optional(row.globalNorm)),
            ("norm", .optional(row.norm)),
            ("seconds", .number(row.seconds)),
        ]
        return .object(fields)
    }

    /// Writes the tensors to `path` and the rows beside it, with the extension json.
    public func save(as path: String, _ files: some FileSystem) throws(FileError) {
        try files.replace(path, SafeTensors.encoded(tensors, asInteger: integers, asByte: bytes), mode: 0o644)
        try files.replace(
            "\(parent(path))/\(stem(lastComponent(path))).json", Array(rows.lines.utf8), mode: 0o644)
    }
}
