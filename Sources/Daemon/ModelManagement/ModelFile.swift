import Failures
import Settings
import YAMLDocuments

/// A model folder's `clipdrag.json` as written.
///
///     {"recommended": {…settings…}, "vae": PATH, "loras": [PATH, {"file": PATH, "scale": 0.8}]}
struct ModelFile: Sendable {
    /// A LoRA that is a part of the model.
    struct AddedLoRA: Sendable, Equatable {
        /// Its path.
        var file: String
        /// The factor of its change, −10…10.
        var scale = 1.0
    }

    /// The model's own values of the preset `recommended`.
    var recommended: [SettingAssignment] = []
    /// The path of another VAE.
    var vae: String?
    /// LoRAs that are added to the networks, in this order.
    var loras: [AddedLoRA] = []

}

/// Reads a model folder's `clipdrag.json`. The spec parser's rules for settings hold here too.
///
/// - Throws: the first mistake.
func parseModelFile(_ bytes: [UInt8], file: String) throws(Failure) -> ModelFile {
    let (root, source) = try YAMLReader.read(bytes, file: file, .badModel)
    let decoder = DocumentDecoder(source: source)
    var model = ModelFile()
    guard let root else {
        throw decoder.error(
            "spec.empty", "the file is empty", at: .start, do: "Write {\"recommended\": {…settings…}}.")
    }
    let entries = try decoder.mapping(root, "clipdrag.json", keys: ["recommended", "vae", "loras"])
    if let node = entries["recommended"]?.value {
        model.recommended = try decoder.settings(node, "`recommended`")
    }
    if let node = entries["vae"]?.value { model.vae = try decoder.text(node, "`vae`") }
    if let node = entries["loras"]?.value {
        for item in try decoder.list(node, "`loras`") { model.loras.append(try lora(item, decoder)) }
    }
    return model
}

private func lora(_ node: YAMLNode, _ decoder: DocumentDecoder) throws(Failure) -> ModelFile.AddedLoRA {
    guard case .mapping = node else { return ModelFile.AddedLoRA(file: try decoder.text(node, "a LoRA")) }
    let entries = try decoder.mapping(node, "a LoRA", keys: ["file", "scale"])
    guard let file = entries["file"]?.value else {
        throw decoder.error(
            "spec.missing_key", "a LoRA has no `file`", at: node.mark,
            do: "Write {\"file\": PATH, \"scale\": 0.8}.")
    }
    var lora = ModelFile.AddedLoRA(file: try decoder.text(file, "`file`"))
    if let node = entries["scale"]?.value {
        lora.scale = try decoder.number(node, "`scale`", in: -10...10)
    }
    return lora
}
