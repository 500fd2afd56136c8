import Digests
import DurableFiles
import JobFiles
import ServiceConfiguration
import Settings
import SpecParser
import YAMLDocuments

extension ClaimStore {
    /// One SHA-256 over everything that decides a pair's result: the bytes of its picture and masks, the spec's meaning, the
    /// model's name and clipdragd's version. Layout, comments, order of keys, explicit defaults, the priority and file names
    /// do not count.
    func repeatKey(_ pair: Pair) -> String {
        var parts = [Version.current, configuration.model ?? "", meaning(of: pair)]
        for name in [pair.image].compactMap({ $0 }) + pair.others where !name.contains("/") {
            parts.append(content(of: "\(pair.inbox)/\(name)"))
        }
        return Digest.sha256(Array(parts.joined(separator: "\n").utf8))
    }

    /// A digest of a file's content; for a file beyond the size limit, its stamp.
    private func content(of path: String) -> String {
        guard let status = try? files.status(path) else { return "" }
        guard status.size <= SettlingFile.pictureBytes else { return "\(FileStamp(status))" }
        return (try? Digest.sha256(files: [path], files)) ?? ""
    }

    /// The normal form of a spec, equal for all specs with the same meaning; for an invalid spec, its bytes' digest.
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
