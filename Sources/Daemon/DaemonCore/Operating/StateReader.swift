import DurableFiles
import JSON

#if canImport(Glibc)
    import Glibc
#endif

/// What a daemon has told in its state folder, for the command line. File names are as `PathCoding` has them.
public struct StateReader: Sendable {
    /// The state folder.
    public let folder: String
    /// status.json; nil when no daemon has run with this folder.
    public let status: JSONValue?

    /// Reads a state folder.
    public init(_ folder: String) {
        self.folder = folder
        status = Self.read("\(folder)/status.json")
    }

    /// Whether the daemon that wrote the status is alive. Another user's can be asked for only by name.
    public var isAlive: Bool {
        guard let pid = status?["pid"]?.integer.flatMap({ Int32(exactly: $0) }), pid > 0 else { return false }
        guard kill(pid, 0) == 0 || errno == EPERM else { return false }
        // Its number may be another program's by now.
        guard let name = try? PosixFileSystem().read("/proc/\(pid)/comm") else { return true }
        return name == Array("clipdragd\n".utf8)
    }

    /// Why nothing is started now: `paused`, `draining`, or the place that does not work.
    public var hindrance: String? { status?["why"]?.string }

    /// Jobs that run or wait, in order.
    public var active: [JSONValue] {
        ["running", "waiting"].flatMap { key -> [JSONValue] in
            guard case .array(let items)? = status?[key] else { return [] }
            return items.map { item in
                guard case .object(let fields) = item, item["state"] == nil else { return item }
                return .object(fields + [("state", .string(key))])
            }
        }
    }

    /// Inboxes that the daemon watches, and how.
    public var inboxes: [(path: String, watch: String)] {
        guard case .array(let items)? = status?["inboxes"] else { return [] }
        return items.compactMap { item in
            item["path"]?.string.map { ($0, item["watch"]?.string ?? "") }
        }
    }

    /// IDs of jobs that have ended, oldest first.
    public var ended: [String] {
        let names = (try? PosixFileSystem().list("\(folder)/history").map(\.name)) ?? []
        return names.filter { $0.hasSuffix(".json") }.map { stem($0) }.sorted()
    }

    /// The record of a job that has ended.
    public func record(_ id: String) -> JSONValue? {
        Self.read("\(folder)/history/\(lastComponent(id)).json")
    }

    private static func read(_ path: String) -> JSONValue? {
        (try? PosixFileSystem().read(path)).flatMap { JSONValue(parsing: $0) }
    }
}
