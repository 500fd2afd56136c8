import Diffusion
import DragEditing
import DurableFiles
import Foundation
import JSON
import TensorCore

/// Collects an edit's tensors and rows under the names of the reference (oracle/README.md, "What a run leaves").
public final class TraceRecorder {
    private var tensors: [String: Tensor] = [:]
    private var integers: Set<String> = []
    private var bytes: Set<String> = []
    private var rows: TraceRecord?
    /// The trained LoRA, or the one of the request.
    public private(set) var lora: LoRA?

    private let wantsTensors: Bool

    /// An empty trace.
    ///
    /// - Parameter wantsTensors: false for the LoRA alone. Then the edit computes no tensor for the trace.
    public init(wantsTensors: Bool) { self.wantsTensors = wantsTensors }

    /// The receiver of the edit's tensors.
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
        rows = TraceRecord(result, request)
    }

    /// Writes the tensors of a finished edit to `path`, and its rows beside it, with the extension json.
    public func save(as path: String, _ files: some FileSystem) throws(FileError) {
        try files.replace(path, SafeTensors.encoded(tensors, asInteger: integers, asByte: bytes), mode: 0o644)
        guard let rows else { return }
        try files.replace("\(parent(path))/\(stem(lastComponent(path))).json", rows.bytes, mode: 0o644)
    }
}
