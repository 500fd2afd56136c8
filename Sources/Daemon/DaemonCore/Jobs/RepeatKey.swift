import Digests
import DurableFiles
import JobFiles
import ServiceConfiguration
import Settings
import SpecParser
import YAMLDocuments

extension ClaimStore {
    /// What decides a pair's result, as one SHA-256: the bytes of its picture and masks, what its spec means, the model's
    /// name and clipdragd's version. Layout, comments, order of keys, defaults that are written out, the priority and
    /// the names of files decide nothing.
    func repeatKey(_ pair: Pair) -> String {
        var parts = [Version.current, configuration.model ?? "", meaning(of: pair)]
        for name in [pair.image].compactMap({ $0 }) + pair.others where !name.contains("/") {
            parts.append(content(of: "\(pair.inbox)/\(name)"))
        }
        return Digest.sha256(Array(parts.joined(separator: "\n").utf8))
    }

    /// A file's content; one that is larger than is looked at goes by what is known without reading it.
    private func content(of path: String) -> String {
        guard let status = try? files.status(path) else { return "" }
        guard status.size <= SettlingFile.pictureBytes else { return "\(FileStamp(status))" }
        return (try? Digest.sha256(files: [path], files)) ?? ""
    }

    /// A spec in one form for all that mean the same; of one that is none, its bytes' digest.
    private func meaning(of pair: Pair) -> String {
        guard
            let bytes = try? files.read("\(pair.inbox)/\(pair.spec)", from: 0, count: SettlingFile.specBytes)
        else { return "" }
        guard var spec = try? parseSpec(bytes, file: pair.spec).spec else { return Digest.sha256(bytes) }
        spec.priority = 0
        spec.mask = spec.mask.map { region in
            if case .file = region.value { Located(.file(""), at: region.mark) } else { region }
        }
        return SpecWriting.effectiveYAML(
            spec, image: "", sourcePrompt: spec.sourcePrompt ?? "",
            preset: spec.preset ?? configuration.preset, method: spec.method ?? configuration.method,
            settings: spec.settings.map { ($0.name, $0.value) },
            output: spec.output.filled(from: configuration.output))
    }
}
