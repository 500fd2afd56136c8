import Settings
import YAMLDocuments

/// Writes specs with the values that a run used.
public enum SpecWriting {
    /// A spec with every default filled in, as YAML that reads back to the same job.
    ///
    /// - Parameters:
    ///   - spec: the spec as written.
    ///   - image: the picture's file name.
    ///   - sourcePrompt: the P_o that the run used.
    ///   - preset: the preset's name.
    ///   - method: the drag method's name.
    ///   - settings: all settings, by name.
    ///   - output: the result's format, and the files beside it.
    public static func effectiveYAML(
        _ spec: EditSpec, image: String, sourcePrompt: String, preset: String, method: String,
        settings: [(name: String, value: SettingValue)], output: OutputOptions.Filled
    ) -> String {
        var lines = ["image: \(quotedYAML(image))", "prompt:", "  source: \(quotedYAML(sourcePrompt))"]
        if let edit = spec.editPrompt { lines.append("  edit: \(quotedYAML(edit))") }
        lines.append(spec.drags.isEmpty ? "drags: []" : "drags:")
        for drag in spec.drags {
            let ends =
                drag.regions.map { (text($0.from), text($0.to)) }
                ?? (point(drag.from.value), point(drag.to.value))
            lines.append("  - {from: \(ends.0), to: \(ends.1)}")
        }
        if !spec.mask.isEmpty {
            lines.append("mask:")
            for region in spec.mask { lines.append("  - \(text(region.value))") }
        }
        if let region = spec.region { lines.append("region: \(text(region.value))") }
        lines += [
            "units: \(spec.units.rawValue)", "preset: \(preset)", "method: \(method)", "seed: \(spec.seed)",
            "priority: \(spec.priority)", "settings:",
        ]
        lines += settingLines(settings)
        lines += [
            "output:", "  format: \(output.format.rawValue)", "  quality: \(output.quality)",
            "  extras: [\(output.extras.map(\.rawValue).joined(separator: ", "))]",
            "  metrics: \(output.metrics.rawValue)",
        ]
        return lines.joined(separator: "\n") + "\n"
    }

    private static func settingLines(_ settings: [(name: String, value: SettingValue)]) -> [String] {
        let values = Dictionary(settings.map { ($0.name, $0.value) }) { $1 }
        func line(_ key: String, _ setting: Setting) -> String? {
            values[setting.name].map { "\(key): \(text($0, setting.kind))" }
        }
        var lines = Setting.ungrouped.compactMap { line($0.name, $0) }.map { "  \($0)" }
        for group in Setting.groups {
            let members = group.members.compactMap { line($0.key, $0.setting) }
            if !members.isEmpty { lines += ["  \(group.name):"] + members.map { "    \($0)" } }
        }
        return lines
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? String(Int(value)) : String(value)
    }

    private static func point(_ p: EditSpec.Point) -> String { "[\(number(p.x)), \(number(p.y))]" }

    private static func text(_ region: EditSpec.Region) -> String {
        switch region {
        case .file(let name): quotedYAML(name)
        case .rectangle(let x, let y, let w, let h):
            "{rect: [\(number(x)), \(number(y)), \(number(w)), \(number(h))]}"
        case .circle(let x, let y, let r): "{circle: [\(number(x)), \(number(y)), \(number(r))]}"
        case .polygon(let corners): "{polygon: [\(corners.map(point).joined(separator: ", "))]}"
        }
    }

    private static func text(_ region: EditSpec.WorkingRegion) -> String {
        switch region {
        case .auto: "auto"
        case .whole: "whole"
        case .rectangle(let x, let y, let width, let height):
            text(EditSpec.Region.rectangle(x: x, y: y, width: width, height: height))
        }
    }

    private static func text(_ value: SettingValue, _ kind: ValueKind) -> String {
        switch value {
        case .integer(let n): String(n)
        case .number(let x): kind == .duration ? "\(number(x))s" : number(x)
        case .word(let word): word
        case .flag(let flag): String(flag)
        case .none: "null"
        }
    }
}
