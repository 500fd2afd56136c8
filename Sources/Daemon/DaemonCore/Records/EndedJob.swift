import Failures
import JSON
import Verdicts

/// How a job ended: STATE/history/ID.json, and the hook's input.
public struct EndedJob: Record, Equatable {
    public static let schema = "clipdrag-ended/1"

    /// The ways to end.
    public enum State: String, Codable, Sendable { case published, failed }

    public var id, name, inbox, spec: String
    public var image: String?
    /// Equal for jobs that repeat each other (`ClaimStore.repeatKey`).
    public var digest: String
    /// Runs of it that crashed.
    public var crashes: Int
    /// When it ended, ISO 8601.
    public var finished: String
    public var state: State
    /// The folder's name in the outbox, of a published job.
    public var publishedAs: String?
    /// What the edit did, of a published job; nil where its result does not say.
    public var verdict: EditVerdict?
    /// The kind and the code of its failure, and the folder of its inputs, of a failed job.
    public var kind: Failure.Kind?
    public var code, folder: String?

    enum CodingKeys: String, CodingKey {
        case id, name, inbox, spec, image, digest, crashes, finished, state
        case publishedAs = "published_as"
        case verdict, kind, code, folder
    }
}
