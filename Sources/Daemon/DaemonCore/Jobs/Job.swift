import Digests
import DurableFiles
import JSON

/// A claimed job: its record in the claim folder, .job.json.
///
/// Invariants: the spec lies in the claim folder from the moment of the claim until it is archived, returned or failed;
/// `state` is `publishing` only after all results are durable in the making folder.
public struct Job: Sendable, Equatable {
    /// Where a job stands.
    public enum State: String, Sendable {
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
    public var claim: String { "\(inbox)/.clipdragd/\(id)" }

    /// Where a claim folder has its record: by a name that no input can have.
    static func record(in claim: String) -> String { "\(claim)/.job.json" }

    /// The record's text.
    public var json: JSONValue {
        var fields: [(key: String, value: JSONValue)] = [
            ("id", .string(id)), ("name", .string(name)), ("inbox", .string(inbox)), ("spec", .string(spec)),
            ("image", .optional(image)),
            ("others", .array(others.map { .string($0) })), ("priority", .integer(priority)),
            ("dropped", .number(dropped)),
            ("crashes", .integer(crashes)), ("state", .string(state.rawValue)), ("digest", .string(digest)),
        ]
        if let run {
            fields += [("executor", .string(run.executor)), ("run", .optional(run.id))]
        }
        if !ambiguous.isEmpty { fields.append(("ambiguous", .array(ambiguous.map { .string($0) }))) }
        // A record with a flipped bit must not pass for another job's; where the inbox lies may change.
        let sum = Digest.sha256(Array(JSONValue.object(fields.filter { $0.key != "inbox" }).line.utf8))
        return .object(fields + [("check", .string(sum))])
    }

    /// Reads a record; nil when it is damaged, or leads out of its claim.
    public init?(_ json: JSONValue?, inbox: String) {
        guard let json, let id = json["id"]?.string, let name = json["name"]?.string,
            let spec = json["spec"]?.string, Self.isFileName(name), Self.isFileName(spec),
            let state = json["state"]?.string.flatMap({ State(rawValue: $0) })
        else { return nil }
        self.id = id
        self.name = name
        self.inbox = inbox
        self.spec = spec
        self.state = state
        image = json["image"]?.string
        others = Self.strings(json["others"])
        ambiguous = Self.strings(json["ambiguous"])
        priority = json["priority"]?.integer ?? 0
        dropped = json["dropped"]?.number ?? 0
        crashes = json["crashes"]?.integer ?? 0
        digest = json["digest"]?.string ?? ""
        run = json["executor"]?.string.map { RunReference(executor: $0, id: json["run"]?.string) }
        if let check = json["check"]?.string, check != self.json["check"]?.string { return nil }
    }

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

    private static func isFileName(_ text: String) -> Bool {
        !["", ".", ".."].contains(text) && !text.utf8.contains(UInt8(ascii: "/"))
    }

    private static func strings(_ json: JSONValue?) -> [String] {
        if case .array(let items)? = json { items.compactMap(\.string) } else { [] }
    }

    /// The pictures and masks that it needs from its inbox.
    var inputs: [String] { ([image].compactMap { $0 } + others).filter(InboxNames.isInput) }
}
