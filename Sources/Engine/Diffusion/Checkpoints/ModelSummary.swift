import Foundation
import TensorCore

/// What the loader read of one network's weights.
struct ModelPart: Sendable {
    /// The network, for people.
    let name: String
    /// Its file, or the index of its shards.
    let path: String
    /// Keys of the file that the network has read, and the types in which the file stores them.
    let read: Set<String>
    let types: [String]
    /// All keys of the file.
    let keys: Set<String>
}

extension Weights {
    /// What the loader read, for a summary.
    func part(_ name: String) -> ModelPart? {
        guard let files else { return nil }
        let types = Set(keysRead.compactMap { files.dtype($0)?.rawValue }).sorted()
        return ModelPart(name: name, path: file, read: keysRead, types: types, keys: Set(files.keys))
    }
}

/// A model as the program understood its files, in words. `models import` and `models verify` show it.
public struct ModelSummary: Sendable {
    /// Names of facts, and the facts, in the order in which they are shown.
    public let facts: [(name: String, text: String)]

    /// - Parameter loras: descriptions of the LoRAs that are a part of the model.
    init(_ model: DiffusionModel, loras: [String]) {
        let family =
            model.textEncoder.width == 768
            ? "1.x" : model.textEncoder.width == 1024 ? "2.x" : "of its own size"
        let weights = model.parts.map { "\($0.name) \($0.types.joined(separator: "/"))" }
        facts = [
            (
                "architecture",
                "Stable Diffusion \(family), \(model.nativeSize) pixels, \(model.unet.selfAttentionLayerCount) self-attention layers"
            ),
            ("prediction", model.schedule.prediction.rawValue),
            ("schedule", model.schedule.description),
            ("tokenizer", model.tokenizer.description),
            (
                "vae",
                "\(model.vae.latentChannels) channels, \(model.vae.downFactor) pixels a cell, scaling factor \(model.vae.scalingFactor)"
            ),
            (
                "clip",
                model.guide.map { "\($0.clip.imageSize) pixels; \($0.tokenizer.description)" } ?? "none"
            ),
            ("weights", weights.joined(separator: ", ")),
            ("loras", loras.isEmpty ? "none" : loras.joined(separator: "; ")),
            ("left out", Self.leftOut(model.parts)),
        ]
    }

    /// The tensors that no network has read, by kind.
    private static func leftOut(_ parts: [ModelPart]) -> String {
        var kinds: [String: Int] = [:]
        for path in Set(parts.map(\.path)) {
            let here = parts.filter { $0.path == path }
            let read = here.reduce(into: Set<String>()) { $0.formUnion($1.read) }
            for key in here.first?.keys.subtracting(read) ?? [] { kinds[Self.kind(key), default: 0] += 1 }
        }
        guard !kinds.isEmpty else { return "nothing" }
        return kinds.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }.joined(separator: ", ")
    }

    private static func kind(_ key: String) -> String {
        for (part, kind) in [
            ("model_ema", "averaged (EMA) weights"), ("position_ids", "position ids"),
            ("logit_scale", "CLIP's logit scale"), ("optimizer", "optimiser state"),
            ("resblocks", "OpenCLIP's last layer"), ("text_projection", "the text projection"),
            ("loss.", "the VAE's training loss"),
        ] where key.contains(part) {
            return kind
        }
        return "schedule and training state"
    }
}

extension DiffusionModel {
    /// The model in words.
    ///
    /// - Parameter loras: descriptions of the LoRAs that were added.
    public func summary(loras: [String]) -> ModelSummary { ModelSummary(self, loras: loras) }
}
