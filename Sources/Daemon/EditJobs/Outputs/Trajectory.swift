import DragEditing
import JSON
import JobFiles
import Verdicts

/// trajectory.json: everything that is known of an edit (schemas/trajectory.schema.json). Points and distances are pixels of the
/// upright input picture, times are seconds, memory is bytes.
public struct Trajectory: Record {
    /// The record's name and version.
    public static let schema = "clipdrag-trajectory/2"

    /// Which job it is, and what it took.
    public struct Job: Codable, Sendable {
        /// The job's id and the name under which it is published.
        public var id, name: String
        /// Which try it was, from 1.
        public var attempt: Int
        /// The computer and the program's version.
        public var host, version: String
        /// ISO 8601 with milliseconds, UTC.
        public var started, finished: String
        /// Seconds of every stage, then `total`.
        public var seconds: OrderedFields<Double>
        /// Stages that came from the cache of an earlier edit.
        public var restored: [EditProgress.Stage]
        /// The process's peak memory, bytes.
        public var peakMemory: Int

        enum CodingKeys: String, CodingKey {
            case id, name, attempt, host, version, started, finished, seconds, restored
            case peakMemory = "peak_memory"
        }
    }

    /// The model.
    public struct Model: Codable, Sendable {
        /// Its name, the precision of its products, and the digest of its weights.
        public var name, precision, sha256: String
    }

    /// The source.
    public struct Picture: Codable, Sendable {
        /// Pixels of the upright input, and of the model's copy.
        public var width, height, workingWidth, workingHeight: Int
        /// The digest of its file.
        public var sha256: String

        enum CodingKeys: String, CodingKey {
            case width, height
            case workingWidth = "working_width"
            case workingHeight = "working_height"
            case sha256
        }
    }

    /// The texts.
    public struct Prompt: Codable, Sendable {
        /// P_o and P_e.
        public var source, edit: String
        /// Where P_o comes from.
        public var sourceOrigin: Caption.Origin

        enum CodingKeys: String, CodingKey {
            case source, edit
            case sourceOrigin = "source_origin"
        }
    }

    /// What the answers about text and damage rest on; what the answer about the drags rests on stands with each handle.
    public struct Evidence: Codable, Sendable {
        /// nil: the job has no edit prompt, or the model no CLIP.
        public var text: Verdict.Text?
        /// Against the source.
        public var damage: Verdict.Damage
    }

    /// The stretch before the first iteration (`warp`). Where it put each handle point stands with the handle.
    public struct Stretch: Codable, Sendable {
        /// Time that it took.
        public var seconds: Double
    }

    /// Figures that the spec asks for.
    public struct Figures: Codable, Sendable {
        /// CLIP scores of source, reconstruction and result against P_e.
        public var clipScoreSource, clipScoreReconstruction, clipScoreResult: Double?
        /// Mean distance (docs/algorithm.md section 6).
        public var meanDistance: Double?

        enum CodingKeys: String, CodingKey {
            case clipScoreSource = "clip_score_source"
            case clipScoreReconstruction = "clip_score_reconstruction"
            case clipScoreResult = "clip_score_result"
            case meanDistance = "mean_distance"
        }
    }

    /// The job.
    public var job: Job
    /// The model.
    public var model: Model
    /// The source.
    public var image: Picture
    /// The texts.
    public var prompt: Prompt
    /// The preset's name.
    public var preset: String
    /// The drag method's name.
    public var method: String
    /// Seed of all randomness.
    public var seed: Int
    /// Every setting.
    public var settings: RecordedSettings
    /// Why the edit of the latent ended.
    public var outcome: EditRecord.Outcome
    /// What the edit did.
    public var verdict: EditVerdict
    /// The verdict in one word.
    public var summary: EditVerdict.Movement
    /// What the verdict rests on.
    public var evidence: Evidence
    /// The stretch; nil: there was none.
    public var stretch: Stretch?
    /// Updates of the latent.
    public var steps: Int
    /// The drags.
    public var handles: [RecordedHandle]
    /// Iterations of the edit.
    public var iterations: [RecordedIteration]
    /// How much changed where.
    public var change: Verdict.Change
    /// Figures of merit.
    public var metrics: Figures
    /// Losses of fine-tuning; empty where it was not done.
    public var fineTuningLosses: [Double]
    /// What is worth knowing and no error.
    public var notes: [String]
    /// The result's files.
    public var files: OrderedFields<String>
    /// Digests of all files but this one, by file name.
    public var sha256: OrderedFields<String>
    /// What was forecast before the edit; absent where nothing was.
    public var forecast: ForecastRecord?
    /// The name of an earlier job that this one repeats; absent where it repeats none.
    public var duplicateOf: String?

    enum CodingKeys: String, OmittingKey {
        case job, model, image, prompt, preset, method, seed, settings, outcome, verdict, summary,
            evidence, stretch, steps, handles, iterations, change, metrics
        case fineTuningLosses = "fine_tuning_losses"
        case notes, files, sha256, forecast
        case duplicateOf = "duplicate_of"

        var isOmittedWhenNil: Bool { self == .forecast || self == .duplicateOf }
    }
}
