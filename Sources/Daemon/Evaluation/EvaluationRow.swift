import DragEditing
import Foundation
import JSON

/// One edit of an evaluation: a line of rows.jsonl.
public struct EvaluationRow: Record, Equatable {
    public static let schema = "clipdrag-evaluation-row/1"

    /// What was run: the case, the method, `max_steps` (nil for a method without drag steps), and the seed.
    public var name, method: String
    public var steps: Int?
    public var seed: Int
    /// The code and message of the failure; nil where the edit gave a result.
    public var failure, message: String?
    /// Updates of the latent, the verdict in one word, and its answer about damage.
    public var updates: Int?
    /// Why the edit of the latent ended (a trajectory's `outcome`).
    public var outcome: String?
    /// The `max_steps` of the edit that this row repeats: it ended by itself before both limits.
    public var repeatedSteps: Int?
    public var verdict, damage: String?
    /// MD in pixels, over the whole picture and within the mask.
    public var meanDistance, meanDistanceInMask: Double?
    /// IF = 1 − LPIPS (AlexNet), source against result; nil without its weights.
    public var imageFidelity: Double?
    /// PSNR (dB, at most 99) and SSIM of source against result outside the mask.
    public var outsidePSNR, outsideSSIM: Double?
    /// PSNR and SSIM of target against result inside the region in which source and target differ, and the same of the source.
    public var targetPSNR, targetSSIM, sourcePSNR, sourceSSIM: Double?
    /// CLIP scores of result and source for the wished result's prompt.
    public var clipScore, clipScoreSource: Double?
    /// Seconds of each stage that ran, and the stages that the cache gave.
    public var seconds: [String: Double]
    public var restored: [String]
    /// Fine-tuning steps: stages of equal ones take equally long.
    public var fineTuningSteps: Int?
    /// Bytes of the process at most, from the beginning of the edit; nil where the kernel does not tell.
    public var peakMemory: Int?

    enum CodingKeys: String, CodingKey {
        case name = "case"
        case method, steps, seed, failure, message, updates, outcome
        case repeatedSteps = "repeated_steps"
        case verdict, damage
        case meanDistance = "mean_distance"
        case meanDistanceInMask = "mean_distance_in_mask"
        case imageFidelity = "image_fidelity"
        case outsidePSNR = "outside_psnr"
        case outsideSSIM = "outside_ssim"
        case targetPSNR = "target_psnr"
        case targetSSIM = "target_ssim"
        case sourcePSNR = "source_psnr"
        case sourceSSIM = "source_ssim"
        case clipScore = "clip_score"
        case clipScoreSource = "clip_score_source"
        case seconds, restored
        case fineTuningSteps = "fine_tuning_steps"
        case peakMemory = "peak_memory"
    }

    /// Whether a run's edit would be this row's edit under another limit: it ended by itself before either.
    func endedBefore(_ run: EvaluationRun) -> Bool {
        guard let mine = steps, let limit = run.steps, let updates, let outcome else { return false }
        let isSame = (name, method, seed) == (run.testCase.name, run.method, Int(run.seed))
        let hasEnded = [EditRecord.Outcome.reached, .stalled].map(\.rawValue).contains(outcome)
        return isSame && failure == nil && hasEnded && updates < min(mine, limit)
    }

    /// The same row for a run with another limit, of an edit that `endedBefore` it.
    func repeated(for run: EvaluationRun) -> EvaluationRow {
        var row = self
        (row.steps, row.repeatedSteps) = (run.steps, repeatedSteps ?? steps)
        return row
    }

    /// A row of a run that has nothing to tell yet.
    public init(_ run: EvaluationRun) {
        (name, method, steps, seed) = (run.testCase.name, run.method, run.steps, Int(run.seed))
        seconds = [:]
        restored = []
    }
}

/// One edit that an evaluation makes.
public struct EvaluationRun: Sendable, Equatable {
    /// What is edited.
    public let testCase: EvaluationCase
    /// By which method.
    public let method: String
    /// `max_steps`; nil for a method without it.
    public let steps: Int?
    /// Seed of all randomness.
    public let seed: UInt64

    /// Whether a row is this run's.
    public func isOf(_ row: EvaluationRow) -> Bool {
        (row.name, row.method, row.steps, row.seed) == (testCase.name, method, steps, Int(seed))
    }

    /// The run as a file name.
    var fileName: String {
        "\(testCase.name).\(method)\(steps.map { ".\($0)" } ?? "").\(seed).png"
    }
}
