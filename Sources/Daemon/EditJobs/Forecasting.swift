import Diffusion
import DragEditing
import Foundation
import Imaging
import JobFiles
import TensorCore

/// The pace of models on this machine, remembered in the cache.
public struct RememberedPace: Sendable {
    /// The figures.
    public let pace: EditPace

    /// What an earlier edit has measured; nil where none has, with this model at this size on this machine.
    public init?(modelFolder: String, size: Size, cache: JobCache) {
        guard let model = ModelIdentity(remembered: modelFolder, cache: cache) else { return nil }
        self.init(model, size, cache)
    }

    private init?(_ model: ModelIdentity, _ size: Size, _ cache: JobCache) {
        guard let entry = cache.entry(Self.key(model, size)), let json = JSONValue(parsing: entry.bytes),
            let pass = json["pass"]?.number, let passAndBack = json["pass_and_back"]?.number,
            let decode = json["decode"]?.number, let decodeAndBack = json["decode_and_back"]?.number,
            let passMemory = json["pass_memory"]?.integer, let decodeMemory = json["decode_memory"]?.integer
        else { return nil }
        pace = EditPace(
            pass: pass, passAndBack: passAndBack, decode: decode, decodeAndBack: decodeAndBack,
            passMemory: passMemory, decodeMemory: decodeMemory)
    }

    /// The remembered pace, or one measured now.
    init(of model: DiffusionModel, _ identity: ModelIdentity, size: Size, cache: JobCache) {
        if let known = Self(identity, size, cache) {
            self = known
            return
        }
        pace = EditPace(measuring: model, latent: size, peak: peakMemory)
        let json = JSONValue.object([
            ("pass", .number(pace.pass)), ("pass_and_back", .number(pace.passAndBack)),
            ("decode", .number(pace.decode)), ("decode_and_back", .number(pace.decodeAndBack)),
            ("pass_memory", .integer(pace.passMemory)), ("decode_memory", .integer(pace.decodeMemory)),
        ])
        cache.keep(Array(json.line.utf8), as: Self.key(identity, size))
    }

    private static func key(_ model: ModelIdentity, _ size: Size) -> String {
        let cpu = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n")
            .first { $0.hasPrefix("model name") }
        let parts = [
            "pace/1", model.content, "\(size.height)×\(size.width)", String(cpu ?? ""),
            Kernels.instructionSet.description, Kernels.precision.rawValue, String(Kernels.threads),
            Version.current,
        ]
        return Digest.sha256(Array(parts.joined(separator: "\n").utf8))
    }
}

extension JobPlan {
    /// The latent's size of this job, from the model's configs alone; nil where it is not known yet.
    public func latentSize(_ modelFolder: String) -> Size? {
        guard let image, let grid = ModelStore.workingGrid(modelFolder) else { return nil }
        let working = WorkingSize.of(
            Size(height: image.height, width: image.width), native: grid.native, multiple: grid.multiple)
        return Size(height: working.height / grid.multiple, width: working.width / grid.multiple)
    }
}

extension EditPace.Forecast {
    /// As one phrase for people.
    public var text: String {
        let time = seconds < 90 ? "\(Int(seconds.rounded(.up))) s" : "\(Int((seconds / 60).rounded(.up))) min"
        return "at most about \(time), \(max(1, memory / 1_000_000)) MB beside the model"
    }

    /// As trajectories and `--json` have it.
    public var json: JSONValue {
        let stages = EditProgress.Stage.allCases.compactMap { stage in
            self.stages[stage].map {
                (key: stage.rawValue, value: JSONValue.number(($0 * 1000).rounded() / 1000))
            }
        }
        let total = JSONValue.number((seconds * 1000).rounded() / 1000)
        return .object([("seconds", .object(stages + [("total", total)])), ("memory", .integer(memory))])
    }
}
