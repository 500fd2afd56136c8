import Diffusion
import DragEditing
import Foundation
import Imaging
import Settings
import TensorCore
import Testing
import TestSupport

/// One recorded job of the oracle.
struct FixtureJob: CustomStringConvertible, Sendable {
    let family: String
    let name: String
    let lora: String?
    /// The folder of the family that has it: `jobs`, or `methods` for those that prove a method.
    var group = "jobs"

    var description: String { "\(family)/\(name)" }
    var folder: String { "\(family)/\(group)/\(name)" }

    /// Every job of every family.
    static let all = jobs(in: "jobs").map(\.job)

    /// The jobs that prove the methods, by method.
    static let ofMethods = Dictionary(grouping: jobs(in: "methods"), by: \.method).mapValues { $0.map(\.job) }

    private static func jobs(in group: String) -> [(job: FixtureJob, method: String)] {
        Fixtures.families.flatMap { family in
            let rows = (try? Fixtures.json("\(family)/\(group).json") as? [[String: Any]]) ?? []
            return rows.compactMap { row in
                (row["name"] as? String).map {
                    (
                        FixtureJob(family: family, name: $0, lora: row["lora"] as? String, group: group),
                        row["method"] as? String ?? MethodRow.standard
                    )
                }
            }
        }
    }

    /// The edit that the engine makes of the job, beside what the oracle recorded.
    struct Run {
        let source: Image
        let result: EditResult
        /// What the edit recorded, by the oracle's names.
        let tensors: [String: Tensor]
        /// The oracle's trace.json.
        let trace: [String: Any]
    }

    /// Makes the edit, with settings other than the recorded ones where `change` makes them so.
    func run(changing change: (inout EditSettings) -> Void = { _ in }) throws -> Run {
        let model = try DiffusionModel(folder: Fixtures.path("\(family)/model"))
        let source = try picture("\(folder)/image.png")
        var mask: EditMask?
        if FileManager.default.fileExists(atPath: Fixtures.path("\(folder)/mask.png")) {
            let picture = try picture("\(folder)/mask.png")
            mask = EditMask(
                size: Size(height: picture.height, width: picture.width), values: MaskPicture(picture).values)
        }
        var request = try request(
            model, image: Tensor([1, source.height, source.width, 3], source.normalised), mask: mask)
        change(&request.settings)
        var tensors: [String: Tensor] = [:]
        let result = try DragEditor(model).edit(request, record: { tensors[$0] = $1 })
        let trace = try #require(try Fixtures.json("\(folder)/trace.json") as? [String: Any])
        return Run(source: source, result: result, tensors: tensors, trace: trace)
    }

    /// The job as a request. Its input is taken from the trace where the working size is the input's own.
    private func request(_ model: DiffusionModel, image: Tensor, mask: EditMask?) throws -> EditRequest {
        let spec = try Fixtures.json("\(folder)/job.json") as? [String: Any] ?? [:]
        let prompt = spec["prompt"] as? [String: Any] ?? [:]
        let preset = Preset(rawValue: spec["preset"] as? String ?? "recommended") ?? .recommended
        let row = MethodRow.named(spec["method"] as? String ?? MethodRow.standard)
        var settings = try preset.settings(of: row ?? .standardRow)
        for (key, value) in spec["settings"] as? [String: Any] ?? [:] where key != "lora" {
            guard let group = value as? [String: Any] else {
                try Self.set(key, to: value, in: &settings)
                continue
            }
            for (member, value) in group { try Self.set("\(key).\(member)", to: value, in: &settings) }
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
            drags: drags, mask: mask, settings: settings,
            method: row.flatMap { DragMethods.named($0.name) } ?? DragMethods.standard, lora: factors)
    }

    private static func set(_ name: String, to value: Any, in settings: inout EditSettings) throws {
        if let text = value as? String {
            try settings.set(name, to: .word(text))
        } else if let whole = value as? Int {
            try settings.set(name, to: .integer(whole))
        } else if let number = value as? Double {
            try settings.set(name, to: .number(number))
        }
    }
}
