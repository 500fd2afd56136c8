import ArgumentParser
import DaemonCore
import DurableFiles
import EditJobs
import Failures
import Foundation
import Imaging
import JobFiles
import Logging
import ServiceConfiguration
import Settings

/// `clipdragd run`: the daemon.
struct RunCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Watch inboxes and edit the pictures dropped into them.")

    @Option(help: ArgumentHelp("An inbox to watch; repeatable.", valueName: "DIR"))
    var inbox: [String] = []

    @Option(help: ArgumentHelp("The outbox, where results appear.", valueName: "DIR"))
    var outbox: String?

    @Flag(
        help:
            "Process the inboxes once, then exit: 0 if all jobs were published, 75 if a job failed or a file lacks its counterpart."
    )
    var once = false

    @Flag(help: "Make the folders of --inbox that are not there.")
    var makeInboxes = false

    @OptionGroup var model: ModelOptions
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            let configuration = try merged()
            if let clash = configuration.folderClash { throw clash }
            try checkInboxes()
            // A missing model is one error now, not an error of every job.
            let folder = try model.folder(configuration, state: places.stateFolder)
            let isJSON = output.json
            LoggingSystem.bootstrap { JournalLog(label: $0, isJSON: isJSON) }
            var setup = DaemonSetup(
                configuration: configuration, stateFolder: places.stateFolder, once: once,
                workerCommand: workerCommand(folder),
                version: Version.current, pictures: pictureInspection, reload: reload())
            setup.galleryCommand = [program, "gallery-update"]
            let exit = try Daemon(setup, log: Logger(label: "clipdragd")).run()
            if exit != .ok { throw ExitCode(exit.rawValue) }
        }
    }

    /// An inbox of the command line that is not there is a slip of the pen, unless it is asked for.
    private func checkInboxes() throws(Failure) {
        let files = PosixFileSystem()
        for path in inbox.map({ absolutePath($0) }) {
            do {
                if makeInboxes { try files.createDirectory(path) }
                guard try files.status(path) == nil else { continue }
            } catch { throw Failure(error, .badOutput) }
            throw Failure(
                .missingInput, code: "inbox.missing", message: "the inbox is not there", file: path,
                hint: "Check the path, or have it made: --make-inboxes.")
        }
    }

    /// The configuration with the flags' values, which win.
    private func merged() throws(Failure) -> Configuration {
        var configuration = try places.configuration()
        if !inbox.isEmpty {
            configuration.inboxes = inbox.map { Configuration.Inbox(path: absolutePath($0)) }
        }
        if let outbox { configuration.outbox = absolutePath(outbox) }
        return configuration
    }

    private func workerCommand(_ folder: String) -> [String] {
        // Tests put a stand-in worker here.
        if let stand = ProcessInfo.processInfo.environment["CLIPDRAGD_WORKER"] { return [stand] }
        var words = [program, "edit-worker", "--model", folder, "--precision", model.precision.rawValue]
        if let threads = model.threads { words += ["--threads", String(threads)] }
        if let file = places.configurationFile { words += ["--config", absolutePath(file)] }
        return words
    }

    /// This program's file.
    private var program: String {
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "/proc/self/exe"
    }

    private func reload() -> (@Sendable () throws(Failure) -> Configuration)? {
        guard places.configurationFile != nil else { return nil }
        let command = self
        return { () throws(Failure) in try command.merged() }
    }
}

/// What the daemon learns of pictures.
let pictureInspection = PictureInspection(
    shortestSide: Image.Limits().shortestSide,
    completeness: { bytes in
        switch FileSignature.completeness(of: bytes) {
        case .complete: FileSignature.isVouchedFor(bytes) ? .sealed : .complete
        case .incomplete: .incomplete
        case .notAnImage: .notAnImage
        }
    }, size: { PictureHeader.uprightSize(of: $0) })
