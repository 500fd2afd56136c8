import Failures
import Foundation
import TensorCore

/// A LoRA file, whoever made it: factors for linear layers of the U-Net's transformers and of the text encoder.
///
///     unet.SITE.lora_A.weight / .lora_B.weight                 peft
///     unet.SITE.lora.down.weight / .lora.up.weight             diffusers 0.2x
///     SITE with .processor.to_q_lora.down.weight               diffusers' attention processors
///     lora_unet_SITE.lora_down.weight / .lora_up.weight        kohya; dots of SITE as underscores, diffusers' names or
///                                                              the original checkpoints'
///     text_encoder.SITE…, lora_te_SITE…                        likewise for the text encoder
///
/// Each with an optional `.alpha`: factors are scaled by alpha/rank.
public struct LoRAFile: Sendable {
    /// Changes of the U-Net, by diffusers' names.
    public let unet: LoRA
    /// Changes of the text encoder, by transformers' names; often none.
    public let text: LoRA

    /// Endings of a key, and the factor that they mark.
    private static let marks: [(ending: String, role: Role)] = [
        (".lora_A.weight", .down), (".lora_B.weight", .up),
        (".lora_A.default.weight", .down), (".lora_B.default.weight", .up),
        (".lora_linear_layer.down.weight", .down), (".lora_linear_layer.up.weight", .up),
        (".lora.down.weight", .down), (".lora.up.weight", .up),
        ("_lora.down.weight", .down), ("_lora.up.weight", .up),
        (".lora_down.weight", .down), (".lora_up.weight", .up),
        ("_lora.alpha", .alpha), (".lora.alpha", .alpha), (".alpha", .alpha),
    ]

    /// Parts of keys of methods that are no plain LoRA.
    private static let otherMethods = [
        ("hada_", "LoHa"), ("lokr_", "LoKr"), ("lora_mid", "LoCon"), ("dora_scale", "DoRA"),
        ("lora_magnitude_vector", "DoRA"), ("oft_", "OFT"),
    ]

    private enum Role { case down, up, alpha }
    private typealias Found = [Role: Tensor]

    /// Reads a file for a model.
    ///
    /// - Throws: `model.file`; `model.unsupported` for other methods than plain LoRA and for other layers;
    ///   `model.key_unknown` naming a key that fits no layer; `model.shape`.
    public init(path: String, for model: DiffusionModel) throws(Failure) {
        try self.init(path: path, unet: model.unet.linearSites, text: model.textEncoder.linearSites)
    }

    /// Reads a file for layers of the given names and sizes.
    init(path: String, unet: [LoRASite], text: [LoRASite]) throws(Failure) {
        try ForeignModel.refuse(pickle: path)
        let file = try TensorFiles(file: path)
        let unetNames = Self.names(unet, Self.unetNames(CheckpointLevels(unet)))
        let textNames = Self.names(text, Self.textNames)
        var (found, foundText): ([LoRASite: Found], [LoRASite: Found]) = ([:], [:])
        for key in file.keys.sorted() {
            if let (_, method) = Self.otherMethods.first(where: { key.contains($0.0) }) {
                throw Failure(
                    .badModel, code: "model.unsupported",
                    message: "\(path): `\(key)` is of a file made by \(method), not a plain LoRA",
                    hint: "Use a LoRA with `lora_down`/`lora_up` or `lora_A`/`lora_B` factors alone.")
            }
            guard let mark = Self.marks.first(where: { key.hasSuffix($0.ending) }) else {
                throw Self.unknownKey(path, key)
            }
            let name = String(key.dropLast(mark.ending.count))
            if let site = unetNames[name] {
                found[site, default: [:]][mark.role] = file.tensor(key)
            } else if let site = textNames[name] {
                foundText[site, default: [:]][mark.role] = file.tensor(key)
            } else {
                throw Self.unknownKey(path, key)
            }
        }
        self.unet = try Self.lora(path, found)
        self.text = try Self.lora(path, foundText)
    }

    private static func unknownKey(_ path: String, _ key: String) -> Failure {
        let isConvolution = ["resnets", "conv", "in_layers", "out_layers", "emb_layers", "downsamplers"]
            .contains { key.contains($0) }
        guard !isConvolution else {
            return Failure(
                .badModel, code: "model.unsupported",
                message: "\(path): `\(key)` changes a layer outside the transformers",
                hint: "Use a LoRA that was trained without convolutions (`conv_dim` unset).")
        }
        return Failure(
            .badModel, code: "model.key_unknown", message: "\(path): `\(key)` fits no layer of this model",
            hint: "Give a LoRA in the layout of diffusers or kohya, made for this family of models.")
    }

    /// Joins what was found of each site.
    private static func lora(_ path: String, _ found: [LoRASite: Found]) throws(Failure) -> LoRA {
        var sites: [String: LoRA.Factors] = [:]
        for (site, factors) in found.sorted(by: { $0.key.name < $1.key.name }) {
            guard let down = matrix(factors[.down]), let up = matrix(factors[.up]) else {
                throw Failure(
                    .badModel, code: "model.key_missing",
                    message: "\(path): one of the two factors of `\(site.name)` is missing",
                    hint: "The file is incomplete; copy it again.")
            }
            let rank = down.shape[0]
            guard rank > 0, down.shape[1] == site.inputs, up.shape == [site.outputs, rank] else {
                throw Failure(
                    .badModel, code: "model.shape",
                    message:
                        "\(path): the factors of `\(site.name)` are \(down.shape) and \(up.shape); its layer has \(site.inputs) inputs and \(site.outputs) outputs",
                    hint: "The LoRA was made for another family of models.")
            }
            let alpha = factors[.alpha]?.values.first ?? Float(rank)
            sites[site.name] = LoRA.Factors(down: down, up: up, scale: alpha / Float(rank))
        }
        return LoRA(sites: sites)
    }

    /// A factor as a matrix: those of 1×1 convolutions have two dimensions more.
    private static func matrix(_ factor: Tensor?) -> Tensor? {
        guard let factor, factor.shape.count >= 2, factor.shape.dropFirst(2).allSatisfy({ $0 == 1 }) else {
            return nil
        }
        return factor.reshaped(Array(factor.shape.prefix(2)))
    }

    // MARK: names

    /// All names that files have for some layers, and the layers.
    private static func names(_ sites: [LoRASite], _ names: (String) -> [String]) -> [String: LoRASite] {
        var known: [String: LoRASite] = [:]
        for site in sites { for name in names(site.name) { known[name] = site } }
        return known
    }

    private static func underscored(_ name: String) -> String {
        name.replacingOccurrences(of: ".", with: "_")
    }

    private static func unetNames(_ levels: CheckpointLevels) -> (String) -> [String] {
        { name in
            var own = [name]
            if let attention = ["attn1", "attn2"].first(where: { name.contains(".\($0).to_") }) {
                // to_out is a list of a layer and a dropout; processors know the layer alone.
                let short = name.hasSuffix(".to_out.0") ? String(name.dropLast(2)) : name
                own += [
                    short, short.replacingOccurrences(of: "\(attention).", with: "\(attention).processor."),
                ]
            }
            var all = own + own.map { "unet.\($0)" } + ["base_model.model.\(name)"]
            all.append("lora_unet_\(underscored(name))")
            if let original = levels.original(name) { all.append("lora_unet_\(underscored(original))") }
            return all
        }
    }

    private static func textNames(_ name: String) -> [String] {
        // Some files leave out the model's outermost name.
        let short = String(name.dropFirst("text_model.".count))
        var all = [name, short].flatMap { ["text_encoder.\($0)", "lora_te_\(underscored($0))"] }
        for (new, old) in [
            ("q_proj", "to_q"), ("k_proj", "to_k"), ("v_proj", "to_v"), ("out_proj", "to_out"),
        ]
        where name.hasSuffix(new) {
            all.append("text_encoder.\(name.dropLast(new.count))\(old)")
        }
        return all
    }
}

/// How a U-Net's blocks are numbered in an original checkpoint, as its layers' names show.
private struct CheckpointLevels {
    private let perLevel: Int

    init(_ sites: [LoRASite]) {
        let indices = sites.compactMap { site -> Int? in
            let parts = site.name.split(separator: ".")
            return parts.first == "up_blocks" && parts.count > 3 ? Int(parts[3]) : nil
        }
        perLevel = (indices.max() ?? 0) + 1
    }

    func original(_ name: String) -> String? {
        CheckpointNames.unetKey(name.split(separator: "."), perLevel: perLevel, attends: [])
    }
}

extension LoRA {
    /// The U-Net's part of a LoRA file.
    public init(path: String, sites: [LoRASite]) throws(Failure) {
        self = try LoRAFile(path: path, unet: sites, text: []).unet
    }
}
