import JobFiles
import JSON
import DurableFiles

/// The requests of the command line, one file each in STATE/control. A file survives a restart of the daemon; the daemon removes
/// a request about a job once it is carried out.
public struct ControlFiles: Sendable {
    private let folder: String
    private(set) var isPaused = false
    private(set) var isDraining = false
    /// Requests about jobs.
    private(set) var requests: [ControlRequest] = []

    /// The requests in a state folder.
    public init(stateFolder: String) { folder = StateLayout(stateFolder).control }

    /// Adds a request.
    public func add(_ request: ControlRequest) throws(FileError) {
        let files = PosixFileSystem()
        try files.createDirectory(folder)
        try files.replace("\(folder)/\(request.fileName)", request.bytes, mode: 0o644)
    }

    /// Removes a request that the operator withdraws.
    public func withdraw(_ request: ControlRequest) throws(FileError) {
        let files = PosixFileSystem()
        try files.createDirectory(folder)
        try files.remove("\(folder)/\(request.fileName)")
        try files.replace("\(folder)/wake", [], mode: 0o644)  // a removal wakes no one
    }

    /// Reads all requests.
    mutating func read(_ files: some FileSystem) {
        let entries = (try? files.list(folder)) ?? []
        let all = entries.filter { $0.kind == .file && !$0.name.hasPrefix(".") }.compactMap { entry in
            (try? files.read("\(folder)/\(entry.name)")).flatMap { try? ControlRequest(reading: $0) }
        }
        isPaused = all.contains { $0.action == .pause }
        isDraining = all.contains { $0.action == .drain }
        requests = all.filter { $0.job != nil }
    }

    /// Removes a request that the daemon has carried out.
    func remove(_ request: ControlRequest, _ files: some FileSystem) {
        try? files.remove("\(folder)/\(request.fileName)")
    }
}
