import Failures
import JobFiles
import ServiceConfiguration

/// The set-up of a daemon: its configuration, and what the program adds.
public struct DaemonSetup: Sendable {
    /// The configuration.
    public var configuration: Configuration
    /// The folder of history and control files.
    public var stateFolder: String
    /// Whether to end once everything present is done.
    public var once: Bool
    /// The command that makes one edit; the job's arguments follow it.
    public var workerCommand: [String]
    /// The command that renews the gallery; nil: there is none.
    public var galleryCommand: [String]?
    /// The program's version.
    public var version: String
    /// What the daemon learns of pictures.
    public var pictures: PictureInspection
    /// Reads the configuration again; nil where there is no file.
    public var reload: (@Sendable () throws(Failure) -> Configuration)?

    /// A set-up.
    public init(
        configuration: Configuration, stateFolder: String, once: Bool, workerCommand: [String],
        version: String, pictures: PictureInspection,
        reload: (@Sendable () throws(Failure) -> Configuration)? = nil
    ) {
        self.configuration = configuration
        self.stateFolder = stateFolder
        self.once = once
        self.workerCommand = workerCommand
        self.pictures = pictures
        self.version = version
        self.reload = reload
    }
}
