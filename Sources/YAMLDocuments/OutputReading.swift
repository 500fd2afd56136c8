import Failures
import Settings

extension DocumentDecoder {
    /// `output:` of a spec, and of a configuration's `defaults:`.
    package func output(
        _ node: YAMLNode, onto earlier: OutputOptions = OutputOptions()
    ) throws(Failure) -> OutputOptions {
        let entries = try mapping(node, "`output`", keys: ["format", "quality", "extras", "metrics"])
        var output = earlier
        if let node = entries["format"]?.value {
            output.format = try word(
                node, "`format`", code: "spec.unknown_format", among: OutputOptions.formats)
        }
        if let node = entries["quality"]?.value {
            output.quality = try integer(node, "`quality`", in: OutputOptions.qualities)
        }
        if entries["extras"]?.value.isNull == true { output.extras = nil }
        if let node = entries["extras"]?.value, !node.isNull {
            var extras: [String] = []
            for item in try list(node, "`extras`") {
                let word = try word(
                    item, "an extra", code: "spec.unknown_extra", among: OutputOptions.allExtras)
                if !extras.contains(word) { extras.append(word) }
            }
            output.extras = extras
        }
        if let node = entries["metrics"]?.value {
            output.metrics = try word(node, "`metrics`", among: OutputOptions.allMetrics)
        }
        return output
    }
}
