import Settings

/// The methods that a spec can name.
public enum DragMethods {
    /// One line a method; the first is the default.
    public static let all: [any DragMethod] = [
        CLIPDrag(),
        DragDiffusion(),
        GoodDrag(),
        FreeDrag(),
        StableDrag(),
        FastDrag(),
        RegionDrag(),
        SDEDrag(),
        DiffCLIP(),
        NoDrag(),
    ]

    /// The method of specs that name none.
    public static var standard: any DragMethod { all[0] }

    /// The method of a name; nil where there is none.
    public static func named(_ name: String) -> (any DragMethod)? { all.first { $0.name == name } }
}

extension EditSettings {
    /// Names of the settings that the stages around every method read.
    public static let stageSettingNames: Set<String> = [
        "num_steps", "inversion_strength", "start_step", "start_layer", "auto_mask", "warp", "budget",
        "lora.steps", "lora.rank", "lora.batch", "lora.lr", "lora.beta1", "lora.beta2", "lora.eps",
        "lora.weight_decay", "text_sampling", "text_freedom", "text_area", "text_layout",
        "region_padding", "keep_source",
    ]
}
