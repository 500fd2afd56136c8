import Failures
import Foundation
import TensorCore

/// Recognises files and folders of other kinds of models, by their keys or parts, and says what to use instead.
enum ForeignModel {
    private static let base = "Use a whole checkpoint of Stable Diffusion 1.x or 2.x."

    /// Beginnings of keys, and the kind of model that each shows.
    private static let signs: [(start: String, what: String, hint: String)] = [
        ("conditioner.embedders.", "Stable Diffusion XL", base),
        ("model.diffusion_model.label_emb.", "Stable Diffusion XL", base),
        ("model.diffusion_model.joint_blocks.", "Stable Diffusion 3", base),
        ("joint_blocks.", "Stable Diffusion 3", base),
        ("model.diffusion_model.double_blocks.", "a Flux model", base),
        ("double_blocks.", "a Flux model", base),
        ("transformer_blocks.", "a diffusion transformer (Stable Diffusion 3, Flux or the like)", base),
        ("single_transformer_blocks.", "a diffusion transformer (Flux or the like)", base),
        ("input_blocks.", "a U-Net alone", base),
        (
            "down_blocks.", "one network of a diffusers folder",
            "Give the folder that has unet/, vae/, text_encoder/, tokenizer/ and scheduler/ in it."
        ),
        (
            "text_model.", "a text encoder or a CLIP model alone",
            "Give the folder that has unet/ and the other networks in it; a CLIP model's folder goes to --clip."
        ),
        ("motion_modules.", "a motion module", base),
        ("image_proj.", "an IP-Adapter", base),
        ("control_model.", "a ControlNet", base),
        ("controlnet_", "a ControlNet", base),
        ("string_to_param", "a textual inversion embedding", base),
        ("emb_params", "a textual inversion embedding", base),
        (
            "lora_", "a LoRA alone",
            "Give it with `edit --lora FILE`, or as `loras` in a model's clipdrag.json (docs/models.md)."
        ),
    ]

    /// Refuses a checkpoint of another kind than Stable Diffusion 1.x or 2.x.
    static func refuse(_ files: TensorFiles) throws(Failure) {
        func unsupported(_ what: String, _ hint: String) -> Failure {
            Failure(
                .badModel, code: "model.unsupported",
                message: "\(files.path) is \(what), which is not supported here",
                hint: hint)
        }
        guard !files.keys.isEmpty else {
            throw Failure(
                .badModel, code: "model.file", message: "\(files.path) has no tensors, only metadata",
                hint: "Download the file again, or use another.")
        }
        for sign in signs where files.keys.contains(where: { $0.hasPrefix(sign.start) }) {
            throw unsupported(sign.what, sign.hint)
        }
        let loraMarks = [".lora_A.", ".lora_B.", ".lora_down.", ".lora_up.", ".lora.down.", "_lora.down."]
        if let hint = signs.last?.hint,
            files.keys.contains(where: { key in loraMarks.contains { key.contains($0) } })
        {
            throw unsupported("a LoRA alone", hint)
        }
        if let input = files.shape("model.diffusion_model.input_blocks.0.0.weight"), input.count == 4 {
            if input[1] == 9 {
                throw unsupported(
                    "an inpainting model (9 channels in)",
                    "Use the base model of the same family (4 channels in); masks need no inpainting model.")
            }
            if input[1] != 4 {
                throw unsupported(
                    "a model whose U-Net takes \(input[1]) channels",
                    "Use the base model of the same family (4 channels in).")
            }
        }
        let hasUNet = files.keys.contains { $0.hasPrefix("model.diffusion_model.") }
        if !hasUNet,
            files.keys.contains(where: { $0.hasPrefix("decoder.") || $0.hasPrefix("first_stage_model.") })
        {
            throw unsupported(
                "a VAE alone",
                "Give it to a model: `models import MODEL --vae FILE`, or `vae` in its clipdrag.json.")
        }
    }

    /// Refuses a folder of another family of models.
    static func refuse(folder: String) throws(Failure) {
        func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(folder)/\(name)") }
        let what =
            has("text_encoder_3")
            ? "Stable Diffusion 3"
            : has("transformer")
                ? "a model with a diffusion transformer (Stable Diffusion 3, Flux or the like)"
                : has("text_encoder_2")
                    ? "Stable Diffusion XL"
                    : has("prior") ? "a model with a prior" : nil
        guard let what else { return }
        throw Failure(
            .badModel, code: "model.unsupported",
            message: "\(folder) is \(what), which is not supported here",
            hint: "Use a Stable Diffusion 1.x or 2.x model.")
    }

    /// Refuses a pickle file, by its name.
    static func refuse(pickle path: String) throws(Failure) {
        guard ["ckpt", "bin", "pt", "pth"].contains(URL(filePath: path).pathExtension.lowercased()) else {
            return
        }
        throw Failure(
            .badModel, code: "model.unsupported", message: "\(path) is a pickle file, which can run any code",
            hint:
                "Download the model's .safetensors files, or convert it with diffusers' `safe_serialization`."
        )
    }
}

extension DiffusionModel {
    /// Refuses a pickle file and a folder of another family of models. A path that is missing or unknown passes.
    public static func refuse(path: String) throws(Failure) {
        try ForeignModel.refuse(pickle: path)
        try ForeignModel.refuse(folder: path)
    }
}
