import Diffusion
import Digests
import DragEditing
import DurableFiles
import Failures
import Foundation
import Imaging
import JobFiles
import JSON
import ModelManagement
import RegionEditing
import Settings
import SpecParser
import TensorCore

/// The pace of models on this machine, remembered in the cache.
public struct RememberedPace: Sendable {
    /// The figures.
    public let pace: EditPace

    /// The pace that an earlier edit has measured with this model at this size on this machine; nil where none has.
    public init?(modelFolder: String, size: Size, plan: JobPlan, cache: JobCache) {
        guard let model = ModelIdentity(remembered: modelFolder, cache: cache) else { return nil }
        self.init(Self.key(model, size, plan), cache)
    }

    private init?(_ key: String, _ cache: JobCache) {
        guard let entry = cache.entry(key), let record = try? PaceRecord(reading: entry.bytes) else {
            return nil
        }
        pace = record.pace
    }

    /// The remembered pace of a model, or else a new measurement of a pass and a step of each stage.
    ///
    /// - Throws: `Failure` where the model's folder cannot be read.
    public init(of model: DiffusionModel, size: Size, plan: JobPlan, cache: JobCache) throws {
        try self.init(
            of: model, ModelIdentity(folder: model.folder, cache: cache), size: size, plan: plan,
            cache: cache)
    }

    /// The same with a known identity of the model.
    init(
        of model: DiffusionModel, _ identity: ModelIdentity, size: Size, plan: JobPlan,
        cache: JobCache
    ) throws {
        let key = Self.key(identity, size, plan)
        if let known = Self(key, cache) {
            self = known
            return
        }
        pace = try EditPace(
            measuring: model, latent: size, settings: plan.settings, method: plan.method, peak: peakMemory)
        cache.keep(PaceRecord(pace).bytes, as: key)
    }

    private static func key(_ model: ModelIdentity, _ size: Size, _ plan: JobPlan) -> String {
        let cpu = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n")
            .first { $0.hasPrefix("model name") }
        let parts = [
            PaceRecord.schema, model.content, "\(size.height)×\(size.width)",
            EditPace.key(plan.settings, plan.method),
            String(cpu ?? ""),
            Kernels.instructionSet.description, Kernels.precision.rawValue, String(Kernels.threads),
            Version.current,
        ]
        return Digest.sha256(Array(parts.joined(separator: "\n").utf8))
    }
}

extension JobPlan {
    /// The work of the edit.
    ///
    /// - Parameter latent: the latent's size; nil where it is not known.
    public func cost(latent: Size?) -> EditCost {
        EditCost(
            settings, method, isStretched: settings.stretches(drags),
            isWishSampled: settings.samplesWish(parsed.spec.editPrompt),
            longestDrag: latent.flatMap { latent in region.map { drags.longest(on: latent, of: $0.size) } }
                ?? 0)
    }

    /// The size of this job's latent, from the model's configs alone; nil where it is not known yet.
    public func latentSize(_ modelFolder: String) -> Size? {
        guard let region, let grid = ModelStore.workingGrid(modelFolder) else { return nil }
        let working = WorkingSize.of(region.size, native: grid.native, multiple: grid.multiple)
        return Size(height: working.height / grid.multiple, width: working.width / grid.multiple)
    }
}

extension EditPace.Forecast {
    /// The forecast as one phrase for people.
    public var text: String {
        let time = seconds < 90 ? "\(Int(seconds.rounded(.up))) s" : "\(Int((seconds / 60).rounded(.up))) min"
        return "at most about \(time) and \(memory / 1_000_000) MB of memory"
    }
}
