/// One drag method that a spec can name: a row of the table of methods (`MethodRow.all`).
///
/// The spec parser, the command line, the JSON Schemas, docs/spec.md and docs/methods/ derive from the rows; `DragMethods` of
/// the engine has the implementation of each.
public struct MethodRow: Sendable {
    /// The name that people write.
    public let name: String
    /// A sentence about the method.
    public let text: String
    /// Its published settings, by name: what differs from the defaults and what the method depends on. They stand for the
    /// preset's choices (`Preset`), which are CLIPDrag's; empty: the presets hold as they are.
    public let published: [(name: String, value: SettingValue)]

    init(name: String, text: String, published: KeyValuePairs<String, SettingValue> = [:]) {
        self.name = name
        self.text = text
        self.published = published.map { ($0.key, $0.value) }
    }

    /// The table of methods; the first is the default.
    public static let all = [
        MethodRow(
            name: "clipdrag",
            text: "Motion supervision and CLIP's text gradient move the latent together, as the paper says."),
        MethodRow(
            name: "dragdiffusion",
            text:
                "Motion supervision alone: what lies ahead of a handle shall look like what lies there now; nearest-neighbour tracking.",
            published: [
                "fusion": .word("drag"), "max_steps": .integer(80), "latent_lr": .number(0.01),
                "r1": .integer(1), "r2": .integer(3), "reach": .number(2),
                "motion_template": .word("current"), "tracking": .word("nearest"),
                "step_length": .word("unit"), "feature_block": .integer(3),
                "mask_term": .word("previous"), "mask_weight": .number(0.1),
                "lora.steps": .integer(80), "lora.batch": .integer(4),
            ]),
        MethodRow(
            name: "gooddrag",
            text:
                "Drags and denoises by turns over several timesteps, and compares with the source's features throughout.",
            published: [
                "fusion": .word("drag"), "inversion_strength": .number(0.75), "max_steps": .integer(210),
                "gooddrag.timesteps": .integer(7), "gooddrag.trackings": .integer(10),
                "gooddrag.motion_steps": .integer(3),
                "gooddrag.patience": .integer(5), "latent_lr": .number(0.02), "r1": .none, "r2": .none,
                "reach": .number(2), "tracking": .word("nearest"), "step_length": .word("capped"),
                "feature_block": .integer(3), "mask_term": .word("previous"), "mask_weight": .number(0.1),
                "lora.steps": .integer(70), "lora.batch": .integer(4),
            ]),
        MethodRow(
            name: "freedrag",
            text:
                "Without tracking: a template of features moves along the line to the target and adapts on the way.",
            published: [
                "fusion": .word("drag"), "max_steps": .integer(300), "latent_lr": .number(0.01), "r1": .none,
                "reach": .number(2), "freedrag.loss": .number(1), "freedrag.distance": .number(5),
                "freedrag.place_steps": .integer(5), "feature_block": .integer(3),
                "mask_term": .word("previous"),
                "mask_weight": .number(10), "lora.steps": .integer(200), "lora.batch": .integer(4),
                "lora.lr": .number(2e-4),
            ]),
        MethodRow(
            name: "stabledrag",
            text:
                "DragDiffusion with a tracker that learns each handle against its surroundings, and supervision by its confidence.",
            published: [
                "fusion": .word("drag"), "max_steps": .integer(80), "latent_lr": .number(0.01),
                "r1": .integer(1), "r2": .integer(3), "reach": .number(2), "step_length": .word("unit"),
                "stabledrag.filter_steps": .integer(10), "stabledrag.filter_share": .number(0.5),
                "stabledrag.confidence": .number(0.8),
                "feature_block": .integer(3), "mask_term": .word("previous"), "mask_weight": .number(0.1),
                "lora.steps": .integer(80), "lora.batch": .integer(4),
            ]),
        MethodRow(
            name: "fastdrag",
            text:
                "One warp of the inverted latent inside the mask, without optimisation: about 21 U-Net passes.",
            published: [
                "num_steps": .integer(10), "inversion_strength": .number(0.7), "start_step": .integer(0),
                "lora.steps": .integer(0),
            ]),
        MethodRow(
            name: "regiondrag",
            text:
                "Copies a region's latent to another region while it denoises, without optimisation: 20 U-Net passes.",
            published: [
                "num_steps": .integer(20), "inversion_strength": .number(0.5),
                "regiondrag.source_noise": .number(1),
                "lora.steps": .integer(0),
            ]),
        MethodRow(
            name: "sdedrag",
            text:
                "Copies a square of the noised latent step by step towards the target and denoises it by a stochastic differential equation.",
            published: [
                "num_steps": .integer(200), "inversion_strength": .number(0.6),
                "sdedrag.paste_step": .number(2),
                "sdedrag.paste_gain": .number(1.1), "sdedrag.source_kept": .number(0.3),
                "sdedrag.guidance": .number(3), "sdedrag.lora_scale": .number(0.5),
                "lora.steps": .integer(100),
                "lora.rank": .integer(4), "lora.batch": .integer(1), "lora.lr": .number(2e-4),
            ]),
        MethodRow(
            name: "diffclip",
            text:
                "Text alone: a LoRA on the U-Net learns the direction from the source prompt to the edit prompt.",
            published: [
                "num_steps": .integer(12), "inversion_strength": .number(0.5), "max_steps": .integer(60),
                "diffclip.lr": .number(3e-4), "diffclip.keep": .number(0.3), "lora.steps": .integer(0),
                "lora.rank": .integer(16),
            ]),
        MethodRow(name: "none", text: "No drag: the picture that `max_steps: 0` gives."),
    ]

    /// The names, in the table's order.
    public static var names: [String] { all.map(\.name) }

    /// The default.
    public static var standardRow: MethodRow { all[0] }

    /// The name of the default.
    public static var standard: String { standardRow.name }

    /// The row of a name; nil where there is none.
    public static func named(_ name: String) -> MethodRow? { all.first { $0.name == name } }
}
