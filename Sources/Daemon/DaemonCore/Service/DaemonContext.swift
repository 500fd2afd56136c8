import DurableFiles
import JobFiles
import ServiceConfiguration

/// What all parts of the daemon share: the file system, the log, the counters, the configuration in force, and what
/// follows from it.
final class DaemonContext {
    let setup: DaemonSetup
    let files: any FileSystem
    let log: EventLog
    let metrics = Metrics()
    /// The configuration in force.
    private(set) var configuration: Configuration
    /// Claims and results, by this configuration.
    private(set) var store: ClaimStore
    /// The cache of fine-tunings and inversions in the state folder.
    private(set) var cache: ContentCache

    init(_ setup: DaemonSetup, log: EventLog, files: any FileSystem = PosixFileSystem(followingLinks: false))
    {
        self.setup = setup
        self.files = files
        self.log = log
        configuration = setup.configuration
        store = ClaimStore(files: files, configuration: configuration, pictures: setup.pictures)
        cache = Self.cache(setup, configuration)
    }

    /// Puts another configuration into force.
    func apply(_ configuration: Configuration) {
        self.configuration = configuration
        store = ClaimStore(files: files, configuration: configuration, pictures: setup.pictures)
        cache = Self.cache(setup, configuration)
    }

    private static func cache(_ setup: DaemonSetup, _ configuration: Configuration) -> ContentCache {
        ContentCache(folder: StateLayout(setup.stateFolder).cache, limit: configuration.limits.cache)
    }
}

extension Configuration {
    /// The bounds of every run.
    var runLimits: RunLimits {
        RunLimits(seconds: limits.seconds, memory: limits.memory, stalledAfter: limits.stalledAfter)
    }

    /// Where an inbox's failed jobs go.
    func failedFolder(of inbox: String) -> String { failed ?? InboxLayout(inbox).failed }

    /// Where the inputs of an inbox's published jobs go.
    func archiveFolder(of inbox: String) -> String { archive ?? InboxLayout(inbox).archive }
}
