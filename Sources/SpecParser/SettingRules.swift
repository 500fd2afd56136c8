import Failures

/// A setting as written in a spec.
public enum SettingLiteral: Sendable, Equatable {
    /// A whole number.
    case integer(Int)
    /// A number; durations in seconds.
    case number(Double)
    /// One of the setting's words.
    case word(String)
    /// True or false.
    case flag(Bool)
    /// `null`.
    case none
}

/// What a key of `settings:` takes: the one table behind the parser, the schema and docs/spec.md.
public struct SettingRule: Sendable {
    /// Kinds of values.
    public enum Kind: Sendable {
        /// A whole number in a range.
        case integer(ClosedRange<Int>)
        /// A number in a range.
        case number(ClosedRange<Double>)
        /// One of some words.
        case word([String])
        /// True or false.
        case flag
        /// A length of time.
        case duration
    }

    /// The key; nested ones with a dot.
    public let key: String
    /// What it takes.
    public let kind: Kind
    /// Whether `null` is allowed.
    public let isOptional: Bool
    /// One sentence.
    public let meaning: String

    init(_ key: String, _ kind: Kind, optional: Bool = false, _ meaning: String) {
        self.key = key
        self.kind = kind
        isOptional = optional
        self.meaning = meaning
    }

    /// All settings, in the order of the documentation.
    public static let all: [SettingRule] = [
        SettingRule("num_steps", .integer(1...1000), "Steps of the whole noise schedule."),
        SettingRule(
            "inversion_strength", .number(0.001...1),
            "Part of the schedule that is inverted and sampled again."),
        SettingRule("max_steps", .integer(0...10000), "Drag steps at most."),
        SettingRule("latent_lr", .number(1e-6...10), "Step size of the drag."),
        SettingRule("beta1", .number(0...0.999999), "Adam's first decay."),
        SettingRule("beta2", .number(0...0.9999999), "Adam's second decay."),
        SettingRule("eps", .number(1e-12...1), "Adam's epsilon."),
        SettingRule(
            "r1", .integer(0...64), optional: true,
            "Radius of motion supervision in grid cells; null scales it with the picture."),
        SettingRule(
            "r2", .integer(1...128), optional: true,
            "Radius of point tracking in grid cells; null scales it with the picture."),
        SettingRule(
            "reach", .number(1e-6...1000), "A handle nearer to its target than this many cells has arrived."),
        SettingRule("lambda", .number(0...1000), "Weight of the text's gradient in the fusion."),
        SettingRule("clip_weight", .number(0...1e6), "Weight of the CLIP loss."),
        SettingRule("mask_weight", .number(0...1e6), "Weight of the mask term."),
        SettingRule(
            "fusion", .word(["clipdrag", "add", "prograd", "drag", "text"]),
            "How the two gradients are joined."),
        SettingRule("fusion_conflict", .word(["subtract", "add"]), "What clipdrag does when they disagree."),
        SettingRule("tracking", .word(["fast", "nearest", "guarded"]), "Which cells point tracking admits."),
        SettingRule("step_length", .word(["unit", "capped"]), "Length of a supervision step."),
        SettingRule("mask_term", .word(["latent", "previous"]), "What the mask holds still."),
        SettingRule("clip_range", .word(["unit", "shifted"]), "Range of CLIP's input."),
        SettingRule(
            "feature_block", .integer(-1...64),
            "Block whose features are compared: 0 is the middle block, -1 the last."),
        SettingRule("start_step", .integer(0...1000), "First sampling step under reference control."),
        SettingRule(
            "start_layer", .integer(-1...256),
            "First self-attention layer under reference control; -1 is the last 3/8."),
        SettingRule("auto_mask", .flag, "Whether drags without a mask get one from their surroundings."),
        SettingRule(
            "warp", .number(0...1),
            "Part of each drag by which the picture is stretched before the first step; 0 for none."),
        SettingRule(
            "text_steps", .integer(0...10000),
            "Steps that an edit prompt gets at least, though the drags have arrived."),
        SettingRule(
            "patience", .integer(1...10000), optional: true,
            "Ends the drag after this many steps without progress."),
        SettingRule("budget", .duration, optional: true, "Time the whole edit may take."),
        SettingRule(
            "guidance_decoder", .word(["full", "small"]),
            "Whether CLIP sees the whole decoded picture or a small one."),
        SettingRule("lora.steps", .integer(0...10000), "Fine-tuning steps; 0 skips it."),
        SettingRule("lora.rank", .integer(1...256), "Rank of the fine-tuning."),
        SettingRule("lora.batch", .integer(1...64), "Samples a fine-tuning step."),
        SettingRule("lora.lr", .number(1e-8...1), "Step size of fine-tuning."),
        SettingRule("lora.beta1", .number(0...0.999999), "AdamW's first decay."),
        SettingRule("lora.beta2", .number(0...0.9999999), "AdamW's second decay."),
        SettingRule("lora.eps", .number(1e-12...1), "AdamW's epsilon."),
        SettingRule("lora.weight_decay", .number(0...1), "AdamW's weight decay."),
    ]

    /// Reads a value by this rule.
    func literal(_ node: YAMLNode, _ decoder: Decoder) throws(Failure) -> SettingLiteral {
        if isOptional && node.isNull { return .none }
        switch kind {
        case .integer(let range): return .integer(try decoder.integer(node, "`\(key)`", in: range))
        case .number(let range): return .number(try decoder.number(node, "`\(key)`", in: range))
        case .word(let words): return .word(try decoder.word(node, "`\(key)`", among: words))
        case .flag: return .flag(try decoder.flag(node, "`\(key)`"))
        case .duration: return .number(try decoder.duration(node, "`\(key)`"))
        }
    }
}

/// A setting that a spec or the command line gives.
public struct SettingAssignment: Sendable, Equatable {
    /// The setting's key; nested ones with a dot.
    public let key: String
    /// Its value.
    public let value: SettingLiteral
    /// Where it was written.
    public let mark: SourceMark
}

/// Reads `KEY=VALUE` of `--set`.
///
/// - Throws: what is wrong, shown as a place in `--set`.
public func parseSetting(_ text: String) throws(Failure) -> SettingAssignment {
    let source = SourceText(file: "--set", text: text, .usage)
    let decoder = Decoder(source: source)
    guard let split = text.firstIndex(of: "=") else {
        throw decoder.error(
            "spec.set", "there is no `=` in `\(text)`", at: .start,
            do: "Write --set KEY=VALUE, such as --set max_steps=40.")
    }
    let key = String(text[..<split])
    guard let rule = SettingRule.all.first(where: { $0.key == key }) else {
        let known = SettingRule.all.map(\.key)
        let near = nearest(to: key, among: known).map { "; did you mean `\($0)`?" } ?? ""
        throw decoder.error(
            "spec.unknown_key", "there is no setting `\(key)`\(near)", at: .start,
            do: "Known settings: \(known.joined(separator: ", ")).")
    }
    let value = String(text[text.index(after: split)...])
    let mark = SourceMark(line: 1, column: key.count + 2)
    let node = YAMLNode.scalar(value, isPlain: true, mark)
    return SettingAssignment(key: key, value: try rule.literal(node, decoder), mark: mark)
}
