import DurableFiles
import Foundation
import JobFiles
import Logging
import ServiceConfiguration
import Testing
import TestSupport

@testable import DaemonCore

/// The daemon's loop does in a turn what has come due, whatever it woke for.
@Suite struct WakeTests {
    private let scratch: ScratchFolder
    private let files = PosixFileSystem()

    init() throws {
        scratch = try ScratchFolder()
        for name in ["in", "out", "state"] { try files.createDirectory("\(scratch.path)/\(name)") }
    }

    @Test func `a spec that settles while the daemon turns for a delayed status is told in that turn`() throws
    {
        var configuration = Configuration()
        (configuration.inboxes, configuration.outbox) = (
            [.init(path: "\(scratch.path)/in")], "\(scratch.path)/out"
        )
        (configuration.limits.quiet, configuration.limits.orphanAfter) = (2, 0)
        let setup = DaemonSetup(
            configuration: configuration, stateFolder: "\(scratch.path)/state", once: false,
            workerCommand: [],
            version: "test", pictures: .wholeOnly)
        let told = Told()
        let daemon = Daemon(
            setup, log: Logger(label: "test") { _ in told },
            executors: [FakeExecutor(FakeCluster(), name: "local")], signals: FakeSignals())
        try daemon.begin()
        var hasSlept = false
        // On a machine that stands still for two seconds the daemon wakes for the file itself: try again then.
        for attempt in 0..<10 where !hasSlept {
            let name = "lone\(attempt).yaml"
            try files.replace("\(scratch.path)/in/\(name)", Array("prompt: x\n".utf8), mode: 0o644)
            _ = daemon.turn()
            if told.orphans.contains(name) { continue }
            daemon.status.pace = ChorePace(postponedTo: .now + .milliseconds(50))
            try daemon.sleep()
            hasSlept = !daemon.hasNews
            // The machine is busy: the turn begins when the file has settled.
            Thread.sleep(forTimeInterval: 2.5)
            _ = daemon.turn()
            #expect(told.orphans.contains(name))
        }
        #expect(hasSlept)
    }
}

/// A log that keeps the names of the files that it calls orphans.
private final class Told: LogHandler, @unchecked Sendable {
    var metadata = Logger.Metadata()
    var logLevel = Logger.Level.info
    private(set) var orphans: [String] = []

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        if event.metadata?["event"]?.description == "orphan", let file = event.metadata?["file"] {
            orphans.append(file.description)
        }
    }
}
