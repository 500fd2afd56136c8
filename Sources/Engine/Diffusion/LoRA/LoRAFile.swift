import Failures
import Foundation
import TensorCore

/// A LoRA file of any of these programs: factors for layers of the U-Net and of the text encoder.
///
///     unet.SITE.lora_A.weight / .lora_B.weight                 peft
///     base_model.model.SITE.lora_A.weight / …                  peft, in a folder with adapter_config.json
///     unet.SITE.lora.down.weight / .lora.up.weight             diffusers 0.2x
///     SITE with .processor.to_q_lora.down.weight               diffusers' attention processors
///     lora_unet_SITE.lora_down.weight / .lora_up.weight        kohya; dots of SITE as underscores, diffusers' names or
///                                                              the original checkpoints'; LyCORIS' LoCon, also .lora_mid.weight
///     text_encoder.SITE…, lora_te_SITE…, lora_te1_SITE…        likewise for the text encoder
///
/// The scale of a layer's factors comes from `.alpha` beside them (α/rank), or from `LoRAScales`; else it is 1.
public struct LoRAFile: Sendable {
    /// Changes of the U-Net, by diffusers' names.
    public let unet: LoRA
    /// Changes of the text encoder, by transformers' names; often none.
    public let text: LoRA
    /// The file.
    public let path: String
    /// The place from which the scales come, for people.
    public let scaleSource: String

    /// Endings of a key, and the factor that each marks.
    private static let marks: [(ending: String, role: Role)] = [
        (".lora_A.weight", .down), (".lora_B.weight", .up),
        (".lora_A.default.weight", .down), (".lora_B.default.weight", .up),
        (".lora_linear_layer.down.weight", .down), (".lora_linear_layer.up.weight", .up),
        (".lora.down.weight", .down), (".lora.up.weight", .up),
        ("_lora.down.weight", .down), ("_lora.up.weight", .up),
        (".lora_down.weight", .down), (".lora_up.weight", .up), (".lora_mid.weight", .mid),
        ("_lora.alpha", .alpha), (".lora.alpha", .alpha), (".alpha", .alpha),
    ]

    /// Parts of keys that show another method than plain LoRA.
    private static let otherMethods = [
        ("hada_", "LoHa"), ("lokr_", "LoKr"), ("dora_scale", "DoRA"), ("lora_magnitude_vector", "DoRA"),
        ("oft_", "OFT"), ("boft_", "BOFT"), ("ia3_", "IA3"),
        ("bundle_emb.", "pivotal tuning, with embeddings"),
        ("lora_embedding_", "peft for embeddings"),
    ]

    /// Endings of keys that show another method than plain LoRA.
    private static let otherEnds = [
        (".diff", "LyCORIS' full method"), (".diff_b", "LyCORIS' full method"), (".w_norm", "LyCORIS' norms"),
        (".b_norm", "LyCORIS' norms"), (".on_input", "IA3"), (".a1.weight", "GLoRA"),
    ]

    private enum Role { case down, up, mid, alpha }
    private typealias Found = [Role: (key: String, tensor: Tensor)]

    /// Reads a file for a model.
    ///
    /// - Parameter path: a file, or a folder as peft or diffusers writes it.
    /// - Throws: `model.file`; `model.unsupported` for other methods than plain LoRA; `model.key_unknown` naming a key that fits no
    ///   layer; `model.shape`; `model.config` for scales that contradict each other; `model.values`.
    public init(path: String, for model: DiffusionModel) throws(Failure) {
        try self.init(path: path, unet: model.unet.loraLayers, text: model.textEncoder.linearSites)
    }

    /// Reads a file for layers of the given names and sizes.
    init(path: String, unet: [LoRASite], text: [LoRASite]) throws(Failure) {
        let path = Self.file(path)
        try ForeignModel.refuse(pickle: path)
        let file = try TensorFiles(file: path)
        guard !file.keys.isEmpty else {
            throw Failure(
                .badModel, code: "model.file",
                message: "\(path) has no tensors, only metadata: it is no LoRA",
                hint: "Download the file again, or use another.")
        }
        let scales = try LoRAScales(file, path: path)
        let unetNames = Self.names(unet, Self.unetNames(CheckpointLevels(unet)))
        let textNames = Self.names(text, Self.textNames)
        var (found, foundText): ([LoRASite: Found], [LoRASite: Found]) = ([:], [:])
        for key in file.keys.sorted() {
            try Self.refuse(path, key)
            guard let mark = Self.marks.first(where: { key.hasSuffix($0.ending) }) else {
                throw Self.unknownKey(path, key)
            }
            let name = String(key.dropLast(mark.ending.count))
            try file.checkType(key)
            try file.checkFinite(key)
            guard let tensor = file.tensor(key) else { continue }
            let other: String?
            if let site = unetNames[name] {
                other = found[site, default: [:]].updateValue((key, tensor), forKey: mark.role)?.key
            } else if let site = textNames[name] {
                other = foundText[site, default: [:]].updateValue((key, tensor), forKey: mark.role)?.key
            } else {
                throw Self.unknownKey(path, key)
            }
            if let other {
                throw Failure(
                    .badModel, code: "model.config",
                    message: "\(path): `\(other)` and `\(key)` are the same factor of one layer",
                    hint: "The file was joined of two; use one of them.")
            }
        }
        self.path = path
        self.unet = try Self.lora(path, found, scales.unet)
        self.text = try Self.lora(path, foundText, scales.text)
        let hasAlphas = [found, foundText].contains { $0.values.contains { $0[.alpha] != nil } }
        scaleSource = scales.place ?? (hasAlphas ? "alpha" : "the file says none")
    }

    /// The file of a folder as peft or diffusers writes it.
    private static func file(_ path: String) -> String {
        ["adapter_model.safetensors", "pytorch_lora_weights.safetensors"].map { "\(path)/\($0)" }
            .first { FileManager.default.fileExists(atPath: $0) } ?? path
    }

    private static func refuse(_ path: String, _ key: String) throws(Failure) {
        let method =
            otherMethods.first { key.contains($0.0) }?.1 ?? otherEnds.first { key.hasSuffix($0.0) }?.1
        guard let method else { return }
        throw Failure(
            .badModel, code: "model.unsupported",
            message: "\(path): `\(key)` is of a file made by \(method), not a plain LoRA",
            hint: "Use a LoRA with `lora_down`/`lora_up` or `lora_A`/`lora_B` factors alone.")
    }

    private static func unknownKey(_ path: String, _ key: String) -> Failure {
        Failure(
            .badModel, code: "model.key_unknown", message: "\(path): `\(key)` fits no layer of this model",
            hint: "Give a LoRA in the layout of diffusers or kohya, made for this family of models.")
    }

    /// Makes a LoRA of the factors of each site.
    private static func lora(_ path: String, _ found: [LoRASite: Found], _ config: PeftConfiguration?)
        throws(Failure) -> LoRA
    {
        var sites: [String: LoRA.Factors] = [:]
        for (site, factors) in found.sorted(by: { $0.key.name < $1.key.name }) {
            guard let down = factors[.down]?.tensor, let up = factors[.up]?.tensor else {
                throw Failure(
                    .badModel, code: "model.key_missing",
                    message: "\(path): one of the two factors of `\(site.name)` is missing",
                    hint: "The file is incomplete; copy it again.")
            }
            guard let (down, up) = matrices(down, up, factors[.mid]?.tensor, site) else {
                throw Failure(
                    .badModel, code: "model.shape",
                    message:
                        "\(path): the factors of `\(site.name)` are \(down.shape) and \(up.shape); its layer has \(site.inputs) inputs and \(site.outputs) outputs\(site.isConvolution ? ", and kernels of \(site.kernel)" : "")",
                    hint: "The LoRA was made for another family of models.")
            }
            sites[site.name] = LoRA.Factors(
                down: down, up: up, scale: try scale(path, site, factors[.alpha], up.shape[1], config))
        }
        return LoRA(sites: sites)
    }

    /// α/rank where there is an α, else the configuration's scale, else 1.
    ///
    /// - Throws: `model.config` where both exist and differ.
    private static func scale(
        _ path: String, _ site: LoRASite, _ alpha: (key: String, tensor: Tensor)?, _ rank: Int,
        _ config: PeftConfiguration?
    ) throws(Failure) -> Float {
        let said = try config?.scale(of: site.name, rank: rank)
        guard let (key, tensor) = alpha else { return said ?? 1 }
        guard tensor.count == 1, let alpha = tensor.values.first else {
            throw Failure(
                .badModel, code: "model.shape",
                message: "\(path): `\(key)` has \(tensor.count) values, not one",
                hint: "The file is damaged; copy it again.")
        }
        let own = alpha / Float(rank)
        if let said, abs(said - own) > 1e-6 * max(abs(said), abs(own)) {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(path): `\(key)` gives the scale \(own), the file's configuration \(said)",
                hint: "The weights and what is said of them do not belong together; use another file.")
        }
        return own
    }

    /// The factors as matrices, `(rank, in · kernel)` and `(out, rank)`; nil where their shapes do not fit the layer.
    ///
    /// A convolution has down `(rank, in, kh, kw)` and up `(out, rank, 1, 1)`. With a core `(rank, rank, kh, kw)` between them,
    /// down is `(rank, in, 1, 1)`. Factors of a linear layer may have the shapes of a 1×1 convolution.
    private static func matrices(_ down: Tensor, _ up: Tensor, _ core: Tensor?, _ site: LoRASite) -> (
        down: Tensor, up: Tensor
    )? {
        let kernel = site.kernel.reduce(1, *)
        guard up.shape.count >= 2, down.shape.count >= 2, up.shape.dropFirst(2).allSatisfy({ $0 == 1 }) else {
            return nil
        }
        let rank = up.shape[1]
        guard rank > 0, up.shape[0] == site.outputs, down.shape[1] == site.inputs else { return nil }
        let flatUp = up.reshaped([site.outputs, rank])
        if let core {
            guard core.shape == [rank, down.shape[0]] + site.kernel, down.count == down.shape[0] * site.inputs
            else { return nil }
            return (joined(core, down.reshaped([down.shape[0], site.inputs])), flatUp)
        }
        let kernelOfDown = down.shape.dropFirst(2)
        guard down.shape[0] == rank, down.count == rank * site.inputs * kernel,
            kernelOfDown.isEmpty ? kernel == 1 : Array(kernelOfDown) == (kernel == 1 ? [1, 1] : site.kernel)
        else { return nil }
        return (down.reshaped([rank, site.inputs * kernel]), flatUp)
    }

    /// Σ_j core(r, j, k) · down(j, i), as `(r, i · k)`.
    private static func joined(_ core: Tensor, _ down: Tensor) -> Tensor {
        let (rank, inner, inputs) = (core.shape[0], core.shape[1], down.shape[1])
        let kernel = core.count / (rank * inner)
        return Tensor([rank, inputs * kernel]) { out in
            out.update(repeating: 0)
            core.withUnsafeValues { core in
                down.withUnsafeValues { down in
                    for r in 0..<rank {
                        for j in 0..<inner {
                            for i in 0..<inputs {
                                let factor = down[j * inputs + i]
                                for k in 0..<kernel {
                                    out[(r * inputs + i) * kernel + k] +=
                                        core[(r * inner + j) * kernel + k] * factor
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    // MARK: what it is

    /// Whether it changes nothing: for each layer the scale or a factor is 0.
    public var doesNothing: Bool {
        (Array(unet.sites.values) + Array(text.sites.values)).allSatisfy { factors in
            factors.scale == 0 || factors.up.values.allSatisfy { $0 == 0 }
                || factors.down.values.allSatisfy { $0 == 0 }
        }
    }

    /// The file in words: the number of layers, the ranks and scales, and the place from which the scales come.
    public var description: String {
        let all = Array(unet.sites.values) + Array(text.sites.values)
        func range<T: Comparable>(_ values: [T], _ text: (T) -> String) -> String {
            guard let low = values.min(), let high = values.max() else { return "none" }
            return low == high ? text(low) : "\(text(low)) to \(text(high))"
        }
        let ranks = range(all.map { $0.up.shape[1] }) { "\($0)" }
        let scales = range(all.map(\.scale)) { "\($0)" }
        return
            "\(URL(filePath: path).lastPathComponent): \(unet.sites.count) layers of the U-Net, \(text.sites.count) of the text encoder, rank \(ranks), scale \(scales) (\(scaleSource))"
            + (doesNothing ? "; it does nothing" : "")
    }

    // MARK: names

    /// All names of some layers in files, with the layers.
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
                // to_out is a list of a layer and a dropout; processors name the layer alone.
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
        var all = [name, short].flatMap {
            [
                "text_encoder.\($0)", "base_model.model.\($0)", "lora_te_\(underscored($0))",
                "lora_te1_\(underscored($0))",
            ]
        }
        for (new, old) in [
            ("q_proj", "to_q"), ("k_proj", "to_k"), ("v_proj", "to_v"), ("out_proj", "to_out"),
        ]
        where name.hasSuffix(new) {
            all.append("text_encoder.\(name.dropLast(new.count))\(old)")
        }
        return all
    }
}

/// The numbers of a U-Net's blocks in an original checkpoint, derived from its layers' names.
private struct CheckpointLevels {
    private let perLevel: Int
    private let attends: [Bool]

    init(_ sites: [LoRASite]) {
        let names = sites.map { $0.name.split(separator: ".") }.filter {
            $0.first == "up_blocks" && $0.count > 3
        }
        perLevel = (names.compactMap { Int($0[3]) }.max() ?? 0) + 1
        let levels = (names.compactMap { Int($0[1]) }.max() ?? -1) + 1
        attends = (0..<levels).map { level in
            names.contains { Int($0[1]) == level && $0[2] == "attentions" }
        }
    }

    func original(_ name: String) -> String? {
        // A tensor's name contains its layer's place.
        let key = CheckpointNames.unetKey(
            "\(name).weight".split(separator: "."), perLevel: perLevel, attends: attends)
        return key.map { String($0.dropLast(".weight".count)) }
    }
}
