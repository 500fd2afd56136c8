import Failures
import YAMLDocuments

/// Refuses what is YAML or JSON but another thing than a spec: a trajectory, another record of clipdragd, drags alone, a
/// configuration.
struct OtherDocument {
    let decoder: DocumentDecoder

    /// - Parameters:
    ///   - root: the document.
    ///   - keys: those of a spec.
    /// - Throws: what it is, and where a spec is or what to write.
    func refuse(_ root: YAMLNode, keys: [String]) throws(Failure) {
        switch root {
        case .sequence(let items, let mark):
            let isDrags = items.contains {
                guard case .mapping(let entries, _) = $0 else { return MeantNumbers($0)?.drag != nil }
                return entries.contains { $0.key == "from" || $0.key == "to" }
            }
            guard isDrags else { return }
            throw decoder.error(
                "spec.type", "a spec must be a mapping, not a list of drags", at: mark,
                do: "Write `drags:` before the list: drags: [\(DragForms.form), \u{2026}].")
        case .mapping(let entries, _): try refuseRecord(entries)
        case .scalar(let text, true, _):
            var hint = MeantNumbers(root)?.drag.map { "Write drags: [\($0)]." }
            let key = text.prefix { $0 != "=" && $0 != " " }
            if keys.contains(String(key)), text.dropFirst(key.count).first(where: { $0 != " " }) == "=" {
                hint = "Write a colon in place of `=`: \(key): …"
            }
            if let hint { throw decoder.wrongKind(root, "a spec", "a mapping", do: hint) }
        case .scalar: return
        }
    }

    /// Whether a file begins as a trajectory, which may be too large to be read as a spec.
    static func beginsAsTrajectory(_ bytes: [UInt8]) -> Bool {
        let start = bytes.prefix(200).filter { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }
        return start.starts(with: "{\"schema\":\"\(trajectorySchema)".utf8)
    }

    private static let trajectorySchema = "clipdrag-trajectory/"

    /// The error of a trajectory in place of a spec.
    func trajectory(at mark: SourceMark) -> Failure {
        decoder.error(
            "spec.unknown_key", "this is the trajectory of an edit, not a spec", at: mark,
            do:
                "The spec of that edit is the spec.yaml beside it. The editor page makes one of a trajectory, too."
        )
    }

    private func refuseRecord(_ entries: [YAMLEntry]) throws(Failure) {
        for entry in entries {
            if entry.key == "schema", case .scalar(let schema, _, _) = entry.value,
                schema.hasPrefix("clipdrag-")
            {
                if schema.hasPrefix(Self.trajectorySchema) { throw trajectory(at: entry.keyMark) }
                throw decoder.error(
                    "spec.unknown_key", "this is a record of clipdragd (\(schema)), not a spec",
                    at: entry.keyMark, do: "Write a spec, with `drags:` or `prompt: {edit: \u{2026}}`.")
            }
            if ["inbox", "inboxes", "outbox"].contains(entry.key) {
                throw decoder.error(
                    "spec.unknown_key",
                    "a spec has no key `\(entry.key)`, which belongs into a configuration",
                    at: entry.keyMark,
                    do:
                        "Give a configuration to `clipdragd run --config FILE`. Write a spec with `drags:` or `prompt:`."
                )
            }
        }
    }
}
