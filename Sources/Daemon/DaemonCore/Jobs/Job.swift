import Digests
import DurableFiles
import JSON
import JobFiles

/// A claimed job: its record in the claim folder, .job.json.
///
/// Invariants: the spec lies in the claim folder from the moment of the claim until it is archived, returned or failed;
/// `state` is `publishing` only after all results are durable in the making folder.
public struct Job: Record, Equatable {
    public static let schema = "clipdrag-job/1"

    /// Where a job stands.
    public enum State: String, Codable, Sendable {
        /// Waiting for its run.
        case claimed
        /// Its run has started, and may have ended; its results are not yet marked as complete.
        case running
        /// Its results are complete; the rename into the outbox is all that is missing, or done.
        case publishing
        /// Set aside by `hold`.
        case held
    }

    /// Unique, and later jobs have larger ones.
    public var id: String
    /// The name under which it is published, before a number is added.
    public var name: String
    /// The inbox it came from.
    public var inbox: String
    /// File names in the claim folder.
    public var spec: String
    /// The picture's file name in the inbox and the claim.
    public var image: String?
    /// Further files that the spec names.
    public var others: [String]
    /// Pictures that the spec's name fits, when there are several and it names none: then it cannot be done.
    public var ambiguous: [String] = []
    /// Higher first.
    public var priority: Int
    /// Change time of the spec, seconds since 1970: older first.
    public var dropped: Double
    /// Runs of it that crashed.
    public var crashes: Int
    /// Where it stands.
    public var state: State
    /// Its run, while it is `running`; nil where the record says nothing of it.
    var run: RunReference?
    /// By which a job that repeats an earlier one is known (`ClaimStore.repeatKey`).
    public var digest: String

    /// The claim folder.
    public var claim: String { InboxLayout(inbox).claim(id) }

    /// Where a claim folder has its record: by a name that no input can have.
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
        state = .claimed
        self.digest = digest
    }

    /// The pictures and masks that it needs from its inbox.
    var inputs: [String] { ([image].compactMap { $0 } + others).filter(InboxNames.isInput) }
}

extension Job {
    private enum CodingKeys: String, OmittingKey {
        case id, name, inbox, spec, image, others, priority, dropped, crashes, state, digest, run, ambiguous
        case check

        var isOmittedWhenNil: Bool { self == .run }
    }

    /// Reads the record of a claim in an inbox; where the inbox lies may have changed. nil when the record is damaged, or leads
    /// out of its claim.
    init?(_ bytes: [UInt8], inbox: String) {
        guard var job = try? Job(reading: bytes) else { return nil }
        job.inbox = inbox
        self = job
    }

    /// Reads a record.
    ///
    /// - Throws: also when the record is damaged, or leads out of its claim.
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
    }

    /// The SHA-256 of all fields but the inbox's place: a record with a flipped bit must not pass for another job's.
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
