/// The folders and files that the program keeps in an inbox.
///
///     INBOX/.clipdragd/ID/    claims          INBOX/archive/   inputs of published jobs
///     INBOX/.clipdragd/lock   the inbox's lock  INBOX/failed/    failed jobs
public struct InboxLayout: Sendable, Equatable {
    /// The name of the program's own folder in inboxes and the outbox.
    public static let ownFolderName = ".clipdragd"

    /// The inbox.
    public let path: String

    /// The layout of an inbox.
    public init(_ path: String) { self.path = path }

    /// Where claims are.
    public var claims: String { "\(path)/\(Self.ownFolderName)" }
    /// A job's claim.
    public func claim(_ id: String) -> String { "\(claims)/\(id)" }
    /// The lock of the daemon that watches the inbox.
    public var lock: String { "\(claims)/lock" }
    /// Where inputs of published jobs go unless the configuration names another folder.
    public var archive: String { "\(path)/archive" }
    /// Where failed jobs go unless the configuration names another folder.
    public var failed: String { "\(path)/failed" }
    /// Where specs go when the configuration keeps inputs in the inbox.
    public var done: String { "\(path)/done" }
}

/// The folders in the outbox. `OUTBOX/NAME/` is a result; `OUTBOX/.clipdragd/ID/` is an unpublished result, into which a run
/// writes.
public struct OutboxLayout: Sendable, Equatable {
    /// The outbox.
    public let path: String

    /// The layout of an outbox.
    public init(_ path: String) { self.path = path }

    /// Where unpublished results are.
    public var unpublished: String { "\(path)/\(InboxLayout.ownFolderName)" }
    /// A job's unpublished result.
    public func unpublished(_ id: String) -> String { "\(unpublished)/\(id)" }
    /// A published result.
    public func published(_ name: String) -> String { "\(path)/\(name)" }
}

/// The folders and files of the state folder. No job depends on any of them.
public struct StateLayout: Sendable, Equatable {
    /// The state folder.
    public let path: String

    /// The layout of a state folder.
    public init(_ path: String) { self.path = path }

    /// Records of finished jobs.
    public var history: String { "\(path)/history" }
    /// A finished job's record.
    public func history(of id: String) -> String { "\(history)/\(id).json" }
    /// The daemon's present state.
    public var status: String { "\(path)/status.json" }
    /// The time that retention goes by.
    public var clock: String { "\(path)/clock.json" }
    /// Requests to the daemon.
    public var control: String { "\(path)/control" }
    /// The events that the hook has not received yet.
    public var hook: String { "\(path)/hook" }
    /// The ended jobs that the gallery does not show yet.
    public var gallery: String { "\(path)/gallery" }
    /// Fine-tunings, inversions and paces of earlier edits.
    public var cache: String { "\(path)/cache" }
    /// Imported models.
    public var models: String { "\(path)/models" }
}
