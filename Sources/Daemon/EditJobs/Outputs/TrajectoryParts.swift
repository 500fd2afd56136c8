import DragEditing
import JSON
import Settings
import Verdicts

/// A point in pixels: `[x, y]`.
public struct RecordedPoint: Codable, Sendable, Equatable {
    /// Pixels from the left and from the top.
    public var x, y: Double

    init(_ point: ImagePoint) { (x, y) = (point.x, point.y) }

    /// Reads `[x, y]`.
    public init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        x = try container.decode(Double.self)
        y = try container.decode(Double.self)
    }

    /// Writes `[x, y]`.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(x)
        try container.encode(y)
    }
}

/// What became of one drag.
public struct RecordedHandle: Codable, Sendable {
    /// Handle point, target point, and where the handle point ended.
    public var from, to, final: RecordedPoint
    /// From `final` to `to`.
    public var distance: Double
    /// Where the edit prompt had moved the handle's content before a stretch that came last; nil: it had not.
    public var guided: RecordedPoint?
    /// Where the stretch put the handle point; nil: there was no stretch.
    public var stretched: RecordedPoint?
    /// Whether the content moved.
    public var verdict: EditVerdict.Movement
    /// See `Verdict.Movement`.
    public var part, mismatch: Double
    /// See `Verdict.Movement`.
    public var similarityBefore, similarityAfter, similarityPossible: Double
    /// The handle point at its start, at `guided` and `stretched` if there are any, and after each iteration.
    public var path: [RecordedPoint]

    enum CodingKeys: String, CodingKey {
        case from, to, final, distance, guided, stretched, verdict, part, mismatch
        case similarityBefore = "similarity_before"
        case similarityAfter = "similarity_after"
        case similarityPossible = "similarity_possible"
        case path
    }
}

/// One iteration of the edit of the latent. The method's own numbers stand between `k` and `distances`.
public struct RecordedIteration: Codable, Sendable {
    /// Its number, from 0.
    public var k: Int
    /// The method's own numbers by name; nil where one was not computed or is not finite.
    public var numbers: OrderedFields<Double?>
    /// From handle points to target points.
    public var distances: [Double]
    /// The handle points after tracking.
    public var handles: [RecordedPoint]
    /// Time that it took.
    public var seconds: Double

    private enum CodingKeys: String, CodingKey { case k, distances, handles, seconds }

    init(
        k: Int, numbers: [(key: String, value: Double?)], distances: [Double], handles: [RecordedPoint],
        seconds: Double
    ) {
        self.k = k
        self.numbers = OrderedFields(numbers)
        self.distances = distances
        self.handles = handles
        self.seconds = seconds
    }

    /// Reads an iteration; every key that is none of its own is a number of the method.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        k = try container.decode(Int.self, forKey: .k)
        numbers = try OrderedFields(from: decoder, besides: CodingKeys.self)
        distances = try container.decode([Double].self, forKey: .distances)
        handles = try container.decode([RecordedPoint].self, forKey: .handles)
        seconds = try container.decode(Double.self, forKey: .seconds)
    }

    /// Writes it.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(k, forKey: .k)
        try numbers.encode(to: encoder)
        try container.encode(distances, forKey: .distances)
        try container.encode(handles, forKey: .handles)
        try container.encode(seconds, forKey: .seconds)
    }
}

/// All settings by name, those of a group in an object of their own. The table gives their order and names.
public struct RecordedSettings: Codable, Sendable {
    /// The settings.
    public var settings: EditSettings

    init(_ settings: EditSettings) { self.settings = settings }

    /// Reads a record's settings. The table gives their types and ranges.
    public init(from decoder: any Decoder) throws {
        settings = EditSettings()
        let container = try decoder.container(keyedBy: TextKey.self)
        for setting in Setting.ungrouped { try read(setting, setting.name, container) }
        for group in Setting.groups {
            let members = try container.nestedContainer(
                keyedBy: TextKey.self, forKey: TextKey(stringValue: group.name))
            for (key, setting) in group.members { try read(setting, key, members) }
        }
    }

    private mutating func read(
        _ setting: Setting, _ key: String, _ container: KeyedDecodingContainer<TextKey>
    ) throws {
        let key = TextKey(stringValue: key)
        let value = try container.decode(SettingValue.self, forKey: key)
        do { try setting.set(value, in: &settings) } catch {
            throw DecodingError.dataCorruptedError(
                forKey: key, in: container, debugDescription: "\(error)")
        }
    }

    /// Writes all of them.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: TextKey.self)
        for setting in Setting.ungrouped {
            try container.encode(setting.value(in: settings), forKey: TextKey(stringValue: setting.name))
        }
        for group in Setting.groups {
            var members = container.nestedContainer(
                keyedBy: TextKey.self, forKey: TextKey(stringValue: group.name))
            for (key, setting) in group.members {
                try members.encode(setting.value(in: settings), forKey: TextKey(stringValue: key))
            }
        }
    }
}

/// A forecast in trajectories and in `--json`.
public struct ForecastRecord: Codable, Sendable {
    /// Seconds of every stage, then `total`.
    public var seconds: OrderedFields<Double>
    /// Peak memory of the process, bytes.
    public var memory: Int

    /// The record of a forecast, to the millisecond.
    public init(_ forecast: EditPace.Forecast) {
        seconds = stageSeconds(forecast.stages, total: forecast.seconds)
        memory = forecast.memory
    }
}

/// Seconds of the stages in their order, then the total, to the millisecond.
func stageSeconds(_ stages: [EditProgress.Stage: Double], total: Double) -> OrderedFields<Double> {
    func rounded(_ seconds: Double) -> Double { (seconds * 1000).rounded() / 1000 }
    let fields = EditProgress.Stage.allCases.compactMap { stage in
        stages[stage].map { (key: stage.rawValue, value: rounded($0)) }
    }
    return OrderedFields(fields + [("total", rounded(total))])
}
