import Digests
import DurableFiles
import JobFiles
import JSON
import Verdicts

/// A claimed job: its record in the claim folder, .job.json.
///
/// Invariants: the spec lies in the claim folder from the moment of the claim until it is archived, returned or failed;
/// `state` is `publishing` only after all results are durable in the unpublished result's folder.
public struct Job: Record, Equatable {
    public static let schema = "clipdrag-job/1"

    /// The state of a job.
    public enum State: String, Codable, Sendable {
        /// Waiting for its run.
        case waiting
        /// Its run has started and may have ended; its results are not marked as complete.
        case running
        /// Its results are complete; at most the rename into the outbox and the move of its inputs are missing.
        case publishing
        /// Not to start until `release`.
        case held
    }

    /// Unique; later jobs have larger IDs.
    public var id: String
    /// The name of its result, before a number is added.
    public var name: String
    /// The inbox it came from.
    public var inbox: String
    /// File names in the claim folder.
    public var spec: String
    /// The picture's file name in the inbox and the claim.
    public var image: String?
    /// Further files that the spec names.
    public var others: [String]
    /// The pictures that match the spec's name, when there are several and the spec names none: the job fails then.
    public var ambiguous: [String] = []
    /// Higher first.
    public var priority: Int
    /// Change time of the spec, seconds since 1970: older first.
    public var dropped: Double
    /// Its runs that crashed.
    public var crashes: Int
    /// Its state.
    public var state: State
    /// Its run, while it is `running`; nil: unknown.
    var run: RunReference?
    /// What its edit did; nil until its results are complete, or where they do not say.
    public internal(set) var verdict: EditVerdict?
    /// Equal for jobs that repeat each other (`ClaimStore.repeatKey`).
    public var digest: String

    /// The claim folder.
    public var claim: String { InboxLayout(inbox).claim(id) }

    /// The record's place in a claim folder: no input can have this name.
    static func record(in claim: String) -> String { "\(claim)/.job.json" }

    /// A fresh claim.
    init(id: String, pair: Pair, digest: String) {
        self.id = id
        name = stem(pair.spec)
        inbox = pair.inbox
        spec = pair.spec
        image = pair.image
        others = pair.others
        ambiguous = pair.ambiguous
        priority = pair.priority
        dropped = pair.dropped
        crashes = 0
        state = .waiting
        self.digest = digest
    }

    /// The pictures and masks that it needs from its inbox.
    var inputs: [String] { ([image].compactMap { $0 } + others).filter(InboxNames.isInput) }
}

extension Job {
    private enum CodingKeys: String, OmittingKey {
        case id, name, inbox, spec, image, others, priority, dropped, crashes, state, digest, run, ambiguous
        case verdict, check

        var isOmittedWhenNil: Bool { self == .run || self == .verdict }
    }

    /// Reads the record of a claim in an inbox, whose path may have changed since. nil when the record is damaged or names a
    /// file outside its claim.
    init?(_ bytes: [UInt8], inbox: String) {
        guard var job = try? Job(reading: bytes) else { return nil }
        job.inbox = inbox
        self = job
    }

    /// Reads a record.
    ///
    /// - Throws: also when the record is damaged or names a file outside its claim.
    public init(from decoder: any Decoder) throws {
        let record = try decoder.container(keyedBy: CodingKeys.self)
        func value<Value: Decodable>(_ key: CodingKeys, _ absent: Value) throws -> Value {
            try record.decodeIfPresent(Value.self, forKey: key) ?? absent
        }
        id = try record.decode(String.self, forKey: .id)
        name = try Self.fileName(record, .name)
        inbox = try value(.inbox, "")
        spec = try Self.fileName(record, .spec)
        image = try record.decodeIfPresent(String.self, forKey: .image)
        others = try value(.others, [])
        ambiguous = try value(.ambiguous, [])
        priority = try value(.priority, 0)
        dropped = try value(.dropped, 0)
        crashes = try value(.crashes, 0)
        state = try record.decode(State.self, forKey: .state)
        digest = try value(.digest, "")
        run = try record.decodeIfPresent(RunReference.self, forKey: .run)
        verdict = try record.decodeIfPresent(EditVerdict.self, forKey: .verdict)
        let check = try record.decodeIfPresent(String.self, forKey: .check)
        guard check == nil || check == checksum else {
            throw DecodingError.dataCorruptedError(
                forKey: .check, in: record, debugDescription: "the record is damaged")
        }
    }

    private static func fileName(_ record: KeyedDecodingContainer<CodingKeys>, _ key: CodingKeys) throws
        -> String
    {
        let name = try record.decode(String.self, forKey: key)
        guard !["", ".", ".."].contains(name), !name.utf8.contains(UInt8(ascii: "/")) else {
            throw DecodingError.dataCorruptedError(forKey: key, in: record, debugDescription: "no file name")
        }
        return name
    }

    /// Writes the record, with its checksum.
    public func encode(to encoder: any Encoder) throws {
        try encodeFields(to: encoder)
        var record = encoder.container(keyedBy: CodingKeys.self)
        try record.encode(checksum, forKey: .check)
    }

    private func encodeFields(to encoder: any Encoder) throws {
        var record = encoder.container(keyedBy: CodingKeys.self)
        try record.encode(id, forKey: .id)
        try record.encode(name, forKey: .name)
        try record.encode(inbox, forKey: .inbox)
        try record.encode(spec, forKey: .spec)
        try record.encodeIfPresent(image, forKey: .image)
        try record.encode(others, forKey: .others)
        try record.encode(priority, forKey: .priority)
        try record.encode(dropped, forKey: .dropped)
        try record.encode(crashes, forKey: .crashes)
        try record.encode(state, forKey: .state)
        try record.encode(digest, forKey: .digest)
        try record.encodeIfPresent(run, forKey: .run)
        try record.encode(ambiguous, forKey: .ambiguous)
        try record.encodeIfPresent(verdict, forKey: .verdict)
    }

    /// The SHA-256 of all fields but the inbox's path: a flipped bit must not turn a record into another job's.
    private var checksum: String {
        var job = self
        job.inbox = ""
        return Digest.sha256(Array(JSONValue(encoding: Fields(job: job)).line.utf8))
    }

    private struct Fields: Encodable {
        let job: Job
        func encode(to encoder: any Encoder) throws { try job.encodeFields(to: encoder) }
    }
}
