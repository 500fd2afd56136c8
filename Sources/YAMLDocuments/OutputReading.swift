import Failures
import Settings

extension DocumentDecoder {
    /// The keys of `output`.
    package static let outputKeys = ["format", "quality", "extras", "metrics"]

    /// `output:` of a spec, and of a configuration's `defaults:`.
    package func output(
        _ node: YAMLNode, onto earlier: OutputOptions = OutputOptions()
    ) throws(Failure) -> OutputOptions {
        let entries = try mapping(node, "`output`", keys: Self.outputKeys)
        var output = earlier
        if let node = entries["format"]?.value {
            output.format = try choice(node, "`format`", code: "spec.unknown_format")
        }
        if let node = entries["quality"]?.value {
            output.quality = try integer(node, "`quality`", in: OutputOptions.qualities)
        }
        if entries["extras"]?.value.isNull == true { output.extras = nil }
        if let node = entries["extras"]?.value, !node.isNull {
            var extras: [OutputOptions.Extra] = []
            for item in try list(node, "`extras`") {
                let extra: OutputOptions.Extra = try choice(item, "an extra", code: "spec.unknown_extra")
                if !extras.contains(extra) { extras.append(extra) }
            }
            output.extras = extras
        }
        if let node = entries["metrics"]?.value {
            output.metrics = try choice(node, "`metrics`")
        }
        return output
    }
}
