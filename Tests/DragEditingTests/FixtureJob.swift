import Diffusion
import DragEditing
import Foundation
import Settings
import TensorCore
import TestSupport

/// One recorded job of the oracle.
struct FixtureJob: CustomStringConvertible, Sendable {
    let family: String
    let name: String
    let lora: String?

    var description: String { "\(family)/\(name)" }
    var folder: String { "\(family)/jobs/\(name)" }

    /// Every job of every family.
    static let all: [FixtureJob] = Fixtures.families.flatMap { family in
        let rows = (try? Fixtures.json("\(family)/jobs.json") as? [[String: Any]]) ?? []
        return rows.compactMap { row in
            (row["name"] as? String).map {
                FixtureJob(family: family, name: $0, lora: row["lora"] as? String)
            }
        }
    }

    /// The job as a request. Its input is taken from the trace where the working size is the input's own.
    func request(_ model: DiffusionModel, image: Tensor, mask: EditMask?) throws -> EditRequest {
        let spec = try Fixtures.json("\(folder)/job.json") as? [String: Any] ?? [:]
        let prompt = spec["prompt"] as? [String: Any] ?? [:]
        let preset = Preset(rawValue: spec["preset"] as? String ?? "recommended") ?? .recommended
        var settings = try preset.settings()
        for (key, value) in spec["settings"] as? [String: Any] ?? [:] {
            guard key != "lora" else { continue }
            if let text = value as? String {
                try settings.set(key, to: .word(text))
            } else if let whole = value as? Int {
                try settings.set(key, to: .integer(whole))
            } else if let number = value as? Double {
                try settings.set(key, to: .number(number))
            }
        }
        settings.lora.steps = 0
        let drags = (spec["drags"] as? [[String: [Double]]] ?? []).compactMap { row -> Drag? in
            guard let from = row["from"], let to = row["to"] else { return nil }
            return Drag(from: ImagePoint(x: from[0], y: from[1]), to: ImagePoint(x: to[0], y: to[1]))
        }
        let factors = try lora.map {
            try LoRA(path: Fixtures.path("\(family)/\($0)"), sites: model.unet.loraSites)
        }
        return EditRequest(
            image: image, sourcePrompt: prompt["source"] as? String ?? "",
            editPrompt: prompt["edit"] as? String,
            drags: drags, mask: mask, settings: settings, lora: factors)
    }
}
