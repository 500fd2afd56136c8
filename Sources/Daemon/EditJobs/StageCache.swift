import Diffusion
import Digests
import DragEditing
import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON
import ModelManagement
import Settings
import TensorCore

/// A job's access to the cache. It reads from the cache, and adds new entries to a drawer, from which the daemon takes them.
public struct JobCache: Sendable {
    private let cache: ContentCache
    private let drawer: String?

    /// - Parameter drawer: a folder of the job's own; nil: new entries go into the cache itself.
    public init(_ cache: ContentCache, drawer: String? = nil) {
        self.cache = cache
        self.drawer = drawer
    }

    func entry(_ key: String) -> ContentCache.Entry? {
        guard let entry = cache.entry(key) else { return nil }
        // The entry is good even if the mark cannot be written.
        try? cache.markUsed(entry, drawer: drawer)
        return entry
    }

    func has(_ key: String) -> Bool { cache.entry(key) != nil }

    /// If the cache cannot be written (a full disk, say), this edit goes on; later ones take more time.
    func keep(_ bytes: [UInt8], as key: String) { try? cache.keep(bytes, as: key, drawer: drawer) }

    /// Removes what is of no more use.
    func discard(_ key: String) { try? cache.discard(key, drawer: drawer) }
}

/// The identity of a model: digests of its files.
struct ModelIdentity: Record {
    static let schema = "clipdrag-model-identity/1"

    /// SHA-256 over all weights, as in trajectories.
    let weights: String
    /// SHA-256 over everything that decides what the model computes.
    let content: String

    /// Reads a model folder. The cache keeps the digests until a file changes its size, time or inode.
    init(folder: String, cache: JobCache?) throws(Failure) {
        if let known = cache.flatMap({ Self(remembered: folder, cache: $0) }) {
            self = known
            return
        }
        weights = try ModelStore.weightsDigest(folder)
        let configs = try Self.files(folder).filter { !$0.name.hasSuffix(".safetensors") }.map { name, path in
            "\(name) \(FileManager.default.contents(atPath: path).map { Digest.sha256(Array($0)) } ?? "")"
        }
        content = Digest.sha256(Array((["model/1", weights] + configs).joined(separator: "\n").utf8))
        cache?.keep(bytes, as: try Self.key(folder))
    }

    /// The cached identity of a model folder; nil where there is none, or a file has changed.
    init?(remembered folder: String, cache: JobCache) {
        guard let key = try? Self.key(folder), let entry = cache.entry(key),
            let known = try? Self(reading: entry.bytes)
        else { return nil }
        self = known
    }

    private static func files(_ folder: String) throws(Failure) -> [(name: String, path: String)] {
        try ModelStore.files(of: folder).filter {
            ["safetensors", "json", "txt"].contains(fileExtension(lastComponent($0.name)))
        }.map { ($0.name, URL(filePath: $0.path).resolvingSymlinksInPath().path(percentEncoded: false)) }
    }

    private static func key(_ folder: String) throws(Failure) -> String {
        let states = try files(folder).map { name, path in
            let status = try? PosixFileSystem().status(path)
            return
                "\(name) \(status?.size ?? 0) \(status?.modified ?? 0) \(status?.inode ?? 0) \(status?.device ?? 0)"
        }
        return Digest.sha256(Array(([schema, folder] + states).joined(separator: "\n").utf8))
    }
}

/// Fine-tuning, inversion and the sampled edit of one request in the cache, under the digests of `FineTuningKey`, `InversionKey` and
/// `SampledKey`.
struct CachedStages: StageMemory {
    private let cache: JobCache
    private let sites: [LoRASite]
    private let rank: Int
    private let fineTuningKey, inversionKey, sampledKey: String

    /// - Parameter textLoRA: what a LoRA file has added to the text encoder.
    init(
        _ cache: JobCache, _ request: EditRequest, _ model: DiffusionModel, identity: ModelIdentity,
        textLoRA: LoRA? = nil
    ) {
        self.cache = cache
        sites = model.unet.loraSites
        rank = request.settings.lora.rank
        let fineTuning = FineTuningKey(request, identity, textLoRA)
        let inversion = InversionKey(request, fineTuning: fineTuning)
        fineTuningKey = fineTuning.digest
        inversionKey = inversion.digest
        sampledKey = SampledKey(request, inversion: inversion).digest
    }

    /// Stages with results in the cache.
    var known: Set<EditProgress.Stage> {
        var known: Set<EditProgress.Stage> = []
        if cache.has(fineTuningKey) { known.insert(.fineTuning) }
        if cache.has(inversionKey) { known.insert(.inverting) }
        if cache.has(sampledKey) { known.formUnion([.inverting, .dragging, .sampling]) }
        return known
    }

    func fineTuned() -> FineTuned? {
        guard let file = file(fineTuningKey),
            let losses = file.metadata["losses"]?.split(separator: " ").map({ Double($0) ?? .nan })
        else { return nil }
        var factors: [String: LoRA.Factors] = [:]
        for site in sites {
            guard let down = file.tensor("\(site.name).down"), down.shape == [rank, site.inputs],
                let up = file.tensor("\(site.name).up"), up.shape == [site.outputs, rank]
            else { return nil }
            factors[site.name] = LoRA.Factors(down: down, up: up)
        }
        return FineTuned(lora: LoRA(sites: factors), losses: losses)
    }

    func remember(_ result: FineTuned) {
        var tensors: [String: Tensor] = [:]
        for (site, factors) in result.lora.sites {
            tensors["\(site).down"] = factors.down
            tensors["\(site).up"] = factors.up
        }
        let losses = result.losses.map { String($0) }.joined(separator: " ")
        cache.keep(SafeTensors.encoded(tensors, metadata: ["losses": losses]), as: fineTuningKey)
    }

    func inverted() -> [Tensor]? {
        guard let file = file(inversionKey), let path = file.tensor("path"), path.shape.count == 4 else {
            return nil
        }
        return (0..<path.shape[0]).map { path.sample($0).reshaped([1] + path.shape.dropFirst()) }
    }

    func remember(path: [Tensor]) {
        cache.keep(SafeTensors.encoded(["path": .stacked(path)]), as: inversionKey)
    }

    func sampled() -> SampledEdit? {
        guard let file = file(sampledKey), let edit = file.tensor("edit"),
            let reference = file.tensor("reference"), let text = file.metadata["record"],
            var record = try? JSONDecoder().decode(EditRecord.self, from: Data(text.utf8))
        else { return nil }
        record.previews = (0..<record.iterations.count).compactMap { file.tensor("preview.\($0)") }
        return SampledEdit(edit: edit, reference: reference, record: record)
    }

    func remember(_ result: SampledEdit) {
        guard let json = try? JSONEncoder().encode(result.record) else { return }
        var tensors = ["edit": result.edit, "reference": result.reference]
        for (n, preview) in result.record.previews.enumerated() { tensors["preview.\(n)"] = preview }
        let record = String(decoding: json, as: UTF8.self)
        cache.keep(SafeTensors.encoded(tensors, metadata: ["record": record]), as: sampledKey)
    }

    /// Removes the sampled edit: its result is written.
    func forgetSampled() { cache.discard(sampledKey) }

    private func file(_ key: String) -> SafeTensors? {
        cache.entry(key).flatMap { try? SafeTensors(path: $0.path) }
    }
}
