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

/// A job's way to the cache: it reads there, and puts what is new into a drawer, for its daemon to take over.
public struct JobCache: Sendable {
    private let cache: ContentCache
    private let drawer: String?

    /// - Parameter drawer: a folder of the job's own; nil: entries go into the cache at once.
    public init(_ cache: ContentCache, drawer: String? = nil) {
        self.cache = cache
        self.drawer = drawer
    }

    func entry(_ key: String) -> ContentCache.Entry? {
        guard let entry = cache.entry(key) else { return nil }
        // Who cannot note that it was of use still has it.
        try? cache.markUsed(entry, drawer: drawer)
        return entry
    }

    func has(_ key: String) -> Bool { cache.entry(key) != nil }

    /// A cache that cannot be written (a full disk, say) costs time later, not this edit.
    func keep(_ bytes: [UInt8], as key: String) { try? cache.keep(bytes, as: key, drawer: drawer) }

    /// Removes what is of no more use.
    func discard(_ key: String) { try? cache.discard(key, drawer: drawer) }
}

/// What a model is, by the content of its files.
struct ModelIdentity: Record {
    static let schema = "clipdrag-model-identity/1"

    /// SHA-256 over all weights, as trajectories tell.
    let weights: String
    /// SHA-256 over everything that decides what the model computes.
    let content: String

    /// Reads a model folder. The digests are remembered for as long as no file changes size, time or inode.
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

    /// What is remembered of a model folder; nil where nothing is, or a file has changed since.
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

/// Fine-tuning, inversion and the sampled edit of one request in the cache, keyed by all that decides them: the decoded picture, P_o, the
/// model's files, the seed, the settings that matter, and the kernels, whose last bits differ between CPUs.
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
        let pixels = request.image.withUnsafeValues { [UInt8](UnsafeRawBufferPointer($0)) }
        let loras = [request.lora, textLoRA].compactMap { $0 }.filter { !$0.sites.isEmpty }
        let lora = loras.isEmpty ? nil : Digest.sha256(loras.map { $0.encoded() })
        let all = request.settings.values
        var fields: [(key: String, value: JSONValue)] = [
            ("stage", .string("fine-tune/1")), ("model", .string(identity.content)),
            ("kernels", .string(Kernels.instructionSet.description)),
            ("precision", .string(Kernels.precision.rawValue)),
            ("width", .integer(request.size.width)), ("height", .integer(request.size.height)),
            ("image", .string(Digest.sha256(pixels))), ("prompt", .string(request.sourcePrompt)),
            ("seed", .string(String(request.seed))), ("lora", .optional(lora)),
        ]
        fields += all.filter { $0.name.hasPrefix("lora.") }.map { ($0.name, JSONValue(encoding: $0.value)) }
        fineTuningKey = Digest.sha256(Array(JSONValue.object(fields).line.utf8))
        let inversion =
            [("stage", .string("invert/1")), ("fine_tuning", .string(fineTuningKey))]
            + all.filter { ["num_steps", "inversion_strength"].contains($0.name) }.map {
                ($0.name, JSONValue(encoding: $0.value))
            }
        inversionKey = Digest.sha256(Array(JSONValue.object(inversion).line.utf8))
        sampledKey = Self.sampledKey(request, inversionKey)
    }

    private static func sampledKey(_ request: EditRequest, _ inversionKey: String) -> String {
        let points = request.drags.flatMap { [$0.handle.x, $0.handle.y, $0.target.x, $0.target.y] }
        let mask = request.mask.map { Digest.sha256($0.values.map { $0 ? 1 : 0 }) }
        var fields: [(key: String, value: JSONValue)] = [
            ("stage", .string("sample/1")), ("inversion", .string(inversionKey)),
            ("method", .string(request.method.name)), ("edit", .optional(request.editPrompt)),
            ("drags", .array(points.map { .number($0) })), ("mask", .optional(mask)),
            ("version", .string(Version.current)),
        ]
        fields += request.settings.values.filter { $0.name != "budget" }.map {
            ($0.name, JSONValue(encoding: $0.value))
        }
        return Digest.sha256(Array(JSONValue.object(fields).line.utf8))
    }

    /// Stages that need not be done.
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
