import DurableFiles

/// Requests of the command line, as files in STATE/control: `paused`, `draining`, and `VERB ID` for single jobs. A file
/// survives a restart of the daemon; the daemon removes a request once it is carried out.
public struct ControlFiles: Sendable {
    /// What can be asked about one job.
    public enum Verb: String, Sendable, CaseIterable { case hold, release, requeue, cancel }

    private let folder: String
    private(set) var isPaused = false
    private(set) var isDraining = false
    /// What is asked about jobs.
    private(set) var requests: [(verb: Verb, id: String)] = []

    /// The requests in a state folder.
    public init(stateFolder: String) { folder = "\(stateFolder)/control" }

    /// Asks that no new job be started (`paused`), or that what is claimed be done and nothing more (`draining`).
    public func set(_ flag: String, _ on: Bool) throws(FileError) {
        let files = PosixFileSystem()
        try files.createDirectory(folder)
        if on {
            try files.replace("\(folder)/\(flag)", [], mode: 0o644)
        } else {
            try files.remove("\(folder)/\(flag)")
            try files.replace("\(folder)/wake", [], mode: 0o644)  // a removal wakes no one
        }
    }

    /// Asks for something about a job.
    public func request(_ verb: Verb, _ id: String) throws(FileError) {
        let files = PosixFileSystem()
        try files.createDirectory(folder)
        try files.replace("\(folder)/\(verb.rawValue) \(id)", [], mode: 0o644)
    }

    /// Reads all requests.
    mutating func read(_ files: some FileSystem) {
        let names = (try? files.list(folder).map(\.name)) ?? []
        isPaused = names.contains("paused")
        isDraining = names.contains("draining")
        requests = names.compactMap { name in
            let words = name.split(separator: " ")
            guard words.count == 2, let verb = Verb(rawValue: String(words[0])) else { return nil }
            return (verb, String(words[1]))
        }
    }

    /// Removes a request that is carried out.
    func remove(_ verb: Verb, _ id: String, _ files: some FileSystem) {
        try? files.remove("\(folder)/\(verb.rawValue) \(id)")
    }
}
