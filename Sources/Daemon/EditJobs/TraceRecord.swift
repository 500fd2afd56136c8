import DragEditing
import JSON
import TensorCore

/// The rows of a trace: the JSON file beside its tensors. The keys are those of the reference (oracle/README.md, "What a run
/// leaves"). Cells are `[column, row]`, sizes are `[width, height]`, times are seconds.
struct TraceRecord: Record {
    static let schema = "clipdrag-trace/1"

    /// One iteration of the edit of the latent. The method's own numbers stand before `norm`.
    struct Iteration: Codable {
        var k: Int
        /// The handle points after tracking, and their distances to the target points in cells.
        var handles: [[Int]]
        var distances: [Double]
        /// The method's own numbers by name.
        var numbers = OrderedFields<Double?>()
        /// Norm of what the optimiser was given, and the iteration's time.
        var norm, seconds: Double?
        /// True for the iteration that ended the loop without an update of the latent; it has no numbers. Absent otherwise.
        var stopped: Bool?
    }

    var iterations: [Iteration]
    var outcome: EditRecord.Outcome
    var timestep: Int
    var handlesFinal, handlesStart, targets: [[Int]]
    var grid: [Int]
    /// The method's whole numbers that held throughout, by name.
    var constants: OrderedFields<[Int]>
    var image, working, latent: [Int]
    /// Seconds of every stage.
    var seconds: OrderedFields<Double>
    var fineTuningLosses: [Double]

    enum CodingKeys: String, CodingKey {
        case schema, iterations, outcome, timestep
        case handlesFinal = "handles_final"
        case handlesStart = "handles_start"
        case targets, grid, image, working, latent, seconds
        case fineTuningLosses = "lora_losses"
    }
}

extension TraceRecord {
    /// The rows of a result.
    init(_ result: EditResult, _ request: EditRequest) {
        let record = result.record
        iterations = record.iterations.map { Iteration($0, record) }
        outcome = record.outcome
        timestep = result.timestep
        handlesFinal = record.handles.map { Self.cell($0.position) }
        handlesStart = record.handles.map { Self.cell($0.start) }
        targets = record.handles.map { Self.cell($0.target) }
        grid = [record.grid.size.width, record.grid.size.height]
        constants = OrderedFields(record.constants.sorted { $0.key < $1.key }.map { ($0.key, $0.value) })
        image = [request.size.width, request.size.height]
        working = [result.working.shape[2], result.working.shape[1]]
        latent = [result.latentSize.width, result.latentSize.height]
        seconds = OrderedFields(
            result.seconds.sorted { $0.key.rawValue < $1.key.rawValue }.map { ($0.key.rawValue, $0.value) })
        fineTuningLosses = result.fineTuningLosses
    }

    private static func cell(_ cell: GridCell) -> [Int] { [cell.column, cell.row] }

    /// Reads the rows; every key that is none of the record's own is a constant of the method.
    init(from decoder: any Decoder) throws {
        let rows = try decoder.container(keyedBy: CodingKeys.self)
        iterations = try rows.decode([Iteration].self, forKey: .iterations)
        outcome = try rows.decode(EditRecord.Outcome.self, forKey: .outcome)
        timestep = try rows.decode(Int.self, forKey: .timestep)
        handlesFinal = try rows.decode([[Int]].self, forKey: .handlesFinal)
        handlesStart = try rows.decode([[Int]].self, forKey: .handlesStart)
        targets = try rows.decode([[Int]].self, forKey: .targets)
        grid = try rows.decode([Int].self, forKey: .grid)
        constants = try OrderedFields(from: decoder, besides: CodingKeys.self)
        image = try rows.decode([Int].self, forKey: .image)
        working = try rows.decode([Int].self, forKey: .working)
        latent = try rows.decode([Int].self, forKey: .latent)
        seconds = try rows.decode(OrderedFields<Double>.self, forKey: .seconds)
        fineTuningLosses = try rows.decode([Double].self, forKey: .fineTuningLosses)
    }

    /// Writes them.
    func encode(to encoder: any Encoder) throws {
        var rows = encoder.container(keyedBy: CodingKeys.self)
        try rows.encode(iterations, forKey: .iterations)
        try rows.encode(outcome, forKey: .outcome)
        try rows.encode(timestep, forKey: .timestep)
        try rows.encode(handlesFinal, forKey: .handlesFinal)
        try rows.encode(handlesStart, forKey: .handlesStart)
        try rows.encode(targets, forKey: .targets)
        try rows.encode(grid, forKey: .grid)
        try constants.encode(to: encoder)
        try rows.encode(image, forKey: .image)
        try rows.encode(working, forKey: .working)
        try rows.encode(latent, forKey: .latent)
        try rows.encode(seconds, forKey: .seconds)
        try rows.encode(fineTuningLosses, forKey: .fineTuningLosses)
    }
}

extension TraceRecord.Iteration {
    enum CodingKeys: String, OmittingKey {
        case k, handles, distances, norm, seconds, stopped

        var isOmittedWhenNil: Bool { [.norm, .seconds, .stopped].contains(self) }
    }

    init(_ row: EditRecord.Iteration, _ record: EditRecord) {
        k = row.k
        handles = row.handles.map { [$0.column, $0.row] }
        distances = row.distances
        guard let norm = row.updateNorm else {
            stopped = true
            return
        }
        numbers = OrderedFields(record.numberNames.map { ($0, row.numbers[$0]) })
        self.norm = norm
        seconds = row.seconds
    }

    /// Reads a row; every key that is none of its own is a number of the method.
    init(from decoder: any Decoder) throws {
        let row = try decoder.container(keyedBy: CodingKeys.self)
        k = try row.decode(Int.self, forKey: .k)
        handles = try row.decode([[Int]].self, forKey: .handles)
        distances = try row.decode([Double].self, forKey: .distances)
        numbers = try OrderedFields(from: decoder, besides: CodingKeys.self)
        norm = try row.decodeIfPresent(Double.self, forKey: .norm)
        seconds = try row.decodeIfPresent(Double.self, forKey: .seconds)
        stopped = try row.decodeIfPresent(Bool.self, forKey: .stopped)
    }

    /// Writes it.
    func encode(to encoder: any Encoder) throws {
        var row = encoder.container(keyedBy: CodingKeys.self)
        try row.encode(k, forKey: .k)
        try row.encode(handles, forKey: .handles)
        try row.encode(distances, forKey: .distances)
        try numbers.encode(to: encoder)
        try row.encodeIfPresent(norm, forKey: .norm)
        try row.encodeIfPresent(seconds, forKey: .seconds)
        try row.encodeIfPresent(stopped, forKey: .stopped)
    }
}
