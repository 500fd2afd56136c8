import Failures
import Foundation

/// peft's configuration of an adapter, which gives the scale of each layer's factors.
///
/// It is the file `adapter_config.json` beside `adapter_model.safetensors`. Since 0.35 diffusers writes it into the weights file's
/// own metadata under `lora_adapter_metadata`, with the network's name before each key.
///
///     scale = α/r, with `use_rslora` α/√r        α, r: `lora_alpha`, `r`, or the first matching pattern's
struct PeftConfiguration {
    private let place: String
    private let alpha, rank: Double
    private let alphaPatterns, rankPatterns: [(pattern: String, value: Double)]
    private let isRankStabilised: Bool

    /// Keys about the adapter's training, which do not change the meaning of its factors.
    private static let harmless: Set<String> = [
        "auto_mapping", "base_model_name_or_path", "bias", "corda_config", "ensure_weight_tying",
        "eva_config", "exclude_modules", "inference_mode", "init_lora_weights", "layers_pattern",
        "layers_to_transform", "loftq_config", "lora_dropout", "lora_ga_config", "megatron_config",
        "megatron_core", "peft_type", "peft_version", "qalora_group_size", "revision", "runtime_config",
        "target_modules", "task_type", "r", "lora_alpha", "alpha_pattern", "rank_pattern", "use_rslora",
    ]

    /// Ways to initialise training that change the model's own weights too.
    private static let changingStarts = ["pissa", "olora", "corda", "loftq", "lora_ga"]

    /// - Parameters:
    ///   - config: keys of one network.
    ///   - text: the JSON with these keys: where two patterns match, the first in this text counts.
    /// - Throws: `model.unsupported` for what is no plain LoRA; `model.config`.
    init(_ config: ConfigFile, text: String) throws(Failure) {
        place = config.path
        func unsupported(_ key: String, _ value: Any) -> Failure {
            Failure(
                .badModel, code: "model.unsupported",
                message: "\(config.path): `\(key)` is \(value), which a plain LoRA has not",
                hint: "Use a plain LoRA, or merge the adapter into the model with peft.")
        }
        for key in config.keys where !Self.harmless.contains(key) {
            guard let value = config.found(key) else { continue }
            guard ConfigurationKeys.Accepted.off.accepts(value) else { throw unsupported(key, value) }
        }
        for (key, accepted) in [("peft_type", "LORA"), ("bias", "none")] {
            if let value = config.found(key), value as? String != accepted { throw unsupported(key, value) }
        }
        let start = (config.text("init_lora_weights") ?? "").lowercased()
        if Self.changingStarts.contains(where: { start.hasPrefix($0) }) {
            throw unsupported("init_lora_weights", start)
        }
        alpha = try Self.number(config, "lora_alpha", 8)
        rank = try Self.number(config, "r", 8)
        isRankStabilised = try config.value("use_rslora", default: false)
        alphaPatterns = try Self.patterns(config, "alpha_pattern", text)
        rankPatterns = try Self.patterns(config, "rank_pattern", text)
    }

    private static func number(_ config: ConfigFile, _ key: String, _ standard: Double) throws(Failure)
        -> Double
    {
        guard let found = config.found(key) else { return standard }
        guard let number = (found as? NSNumber)?.doubleValue, number.isFinite else {
            throw Failure(
                .badModel, code: "model.config",
                message: "\(config.path): `\(key)` is \(found), which is no number",
                hint: "Copy the adapter again.")
        }
        return number
    }

    /// A table of patterns in the order of the text.
    private static func patterns(_ config: ConfigFile, _ key: String, _ text: String) throws(Failure) -> [(
        pattern: String, value: Double
    )] {
        let table = config.section(key)
        let start = text.range(of: "\(key)\"")?.upperBound ?? text.startIndex
        func place(_ pattern: String) -> String.Index {
            let data = try? JSONSerialization.data(
                withJSONObject: pattern, options: [.fragmentsAllowed, .withoutEscapingSlashes])
            let quoted = data.map { String(decoding: $0, as: UTF8.self) } ?? pattern
            return text.range(of: quoted, range: start..<text.endIndex)?.lowerBound ?? text.endIndex
        }
        let sorted = table.keys.map { ($0, place($0)) }.sorted { ($0.1, $0.0) < ($1.1, $1.0) }
        var found: [(String, Double)] = []
        for (pattern, _) in sorted { found.append((pattern, try number(table, pattern, 0))) }
        return found
    }

    /// The scale of a layer's factors.
    ///
    /// - Parameter rank: the rank of the factors themselves.
    /// - Throws: `model.config` where the configuration gives another rank.
    func scale(of layer: String, rank: Int) throws(Failure) -> Float {
        let said = try Self.value(layer, rankPatterns, place) ?? self.rank
        guard said == Double(rank) else {
            throw Failure(
                .badModel, code: "model.config",
                message:
                    "\(place): the rank of `\(layer)` is \(said.formatted()), that of its factors \(rank)",
                hint: "The weights and what is said of them do not belong together; copy the adapter again.")
        }
        let alpha = try Self.value(layer, alphaPatterns, place) ?? self.alpha
        return Float(alpha / (isRankStabilised ? said.squareRoot() : said))
    }

    /// The value of the first pattern that matches the end of a layer's name, after a dot or as a whole (peft's
    /// `get_pattern_key`). Patterns are regular expressions.
    private static func value(
        _ layer: String, _ patterns: [(pattern: String, value: Double)], _ place: String
    ) throws(Failure) -> Double? {
        for (pattern, value) in patterns {
            guard let expression = try? NSRegularExpression(pattern: "^(.*\\.)?(\(pattern))$") else {
                throw Failure(
                    .badModel, code: "model.config",
                    message: "\(place): `\(pattern)` is no pattern of layers",
                    hint: "Copy the adapter again.")
            }
            let whole = NSRange(layer.startIndex..., in: layer)
            if expression.firstMatch(in: layer, range: whole) != nil { return value }
        }
        return nil
    }
}

/// Where a LoRA file's scales are written, for each network.
struct LoRAScales {
    let unet, text: PeftConfiguration?
    /// The place, for people; nil where no file gives scales.
    let place: String?

    private static let key = "lora_adapter_metadata"

    /// - Parameter path: the LoRA file, beside which peft keeps its configuration.
    init(_ file: TensorFiles, path: String) throws(Failure) {
        if let said = file.metadata[Self.key] {
            let place = "\(path): \(Self.key)"
            guard let object = PythonJSON.value(Data(said.utf8)) as? [String: Any] else {
                throw Failure(
                    .badModel, code: "model.config", message: "\(place) is no JSON object",
                    hint: "Copy the LoRA again.")
            }
            func part(_ network: String) throws(Failure) -> PeftConfiguration? {
                let own = object.filter { $0.key.hasPrefix("\(network).") }
                guard !own.isEmpty else { return nil }
                let keys = own.map { (String($0.key.dropFirst(network.count + 1)), $0.value) }
                let text = String(
                    said[(said.range(of: "\(network).alpha_pattern")?.lowerBound ?? said.startIndex)...])
                return try PeftConfiguration(
                    ConfigFile(
                        path: "\(place), \(network)",
                        object: Dictionary(keys, uniquingKeysWith: { $1 })), text: text)
            }
            (unet, text) = (try part("unet"), try part("text_encoder"))
            self.place = Self.key
            return
        }
        let beside = URL(filePath: path).deletingLastPathComponent().appending(path: "adapter_config.json")
            .path(percentEncoded: false)
        let isPeft =
            path.hasSuffix("/adapter_model.safetensors")
            || file.keys.contains { $0.hasPrefix("base_model.model.") }
        guard isPeft, FileManager.default.fileExists(atPath: beside) else {
            (unet, text, place) = (nil, nil, nil)
            return
        }
        let raw = String(decoding: FileManager.default.contents(atPath: beside) ?? Data(), as: UTF8.self)
        let config = try PeftConfiguration(try ConfigFile(path: beside), text: raw)
        (unet, text, place) = (config, config, "adapter_config.json")
    }
}
