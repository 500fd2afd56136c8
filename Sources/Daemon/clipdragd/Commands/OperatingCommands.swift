import ArgumentParser
import DaemonCore
import DurableFiles
import EditJobs
import Failures
import Foundation
import JobFiles
import JSON
import ModelManagement
import Processes
import ServiceConfiguration
import Settings
import Verdicts

extension PlaceOptions {
    /// What the daemon has written into its state folder.
    fileprivate var daemon: StateReader { StateReader(stateFolder) }
}

/// `clipdragd status`
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show what the daemon does now.")
    @Flag(
        help:
            "Follow the daemon until interrupted: a live screen, or a line for each change without a terminal."
    )
    var watch = false
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            if watch {
                try StatusWatch(stateFolder: places.stateFolder, json: output.json, line: line).run()
            }
            let daemon = places.daemon
            guard let status = daemon.status else { throw StatusWatch.none(places.stateFolder) }
            print(output.json ? line(status, daemon) : StatusText(status, daemon).text)
        }
    }

    private func line(_ status: DaemonStatus, _ daemon: StateReader) -> String {
        guard case .object(var fields) = status.json.shown else { return "" }
        fields.insert(("alive", .bool(daemon.isAlive)), at: 1)  // behind `schema`
        return JSONValue.object(fields).line
    }
}

/// `clipdragd show JOB`
struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show a job's record.")
    @Argument(help: "The job's id, or its name if no other job has it.") var job: String
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            let json =
                switch try places.daemon.job(job) {
                case .running(let job): job.json
                case .waiting(let job): job.json
                case .ended(let job): job.json
                }
            let found = json.shown
            print(output.json ? found.line : found.lines, terminator: output.json ? "\n" : "")
        }
    }
}

/// `clipdragd explain FILE`
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Explain the state of a file in an inbox.")
    @Argument(help: "A file in an inbox.") var file: String
    @Option(help: ArgumentHelp("An inbox that the configuration does not name.", valueName: "DIR")) var inbox:
        [String] = []
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            let daemon = places.daemon
            var configuration = try places.configuration()
            configuration.inboxes += inbox.map { Configuration.Inbox(path: absolutePath($0)) }
            let known = Set(configuration.inboxes.map(\.path))
            configuration.inboxes += (daemon.status?.inboxes ?? []).filter { !known.contains($0.path) }
                .map { Configuration.Inbox(path: $0.path) }
            configuration.outbox = configuration.outbox ?? daemon.status?.outbox
            let answer = Explanation.of(
                absolutePath(file), configuration: configuration, daemon: daemon,
                isComplete: pictureInspection.completeness)
            let line = ExplainLine(
                file: PathCoding.shown(file), state: answer.state, explanation: answer.text)
            print(output.json ? line.oneLine : answer.text)
        }
    }
}

/// The line of `explain --json`.
private struct ExplainLine: Record {
    static let schema = "clipdrag-explanation/1"
    let file: String
    let state: Explanation.State
    let explanation: String
}

/// The line of a request under `--json`.
private struct RequestLine: Record {
    static let schema = "clipdrag-request/1"
    let request: String
    /// The job that it is about; absent where it is about none.
    var id: String?

    enum CodingKeys: String, OmittingKey {
        case request, id

        var isOmittedWhenNil: Bool { self == .id }
    }
}

/// Says that a request has to wait for a daemon.
private func noteIfAlone(_ daemon: StateReader, _ output: OutputOptions) {
    guard !daemon.isAlive, !output.json else { return }
    let folder = PathCoding.onOneLine(daemon.folder)
    StandardStream.errors.write("no daemon runs with \(folder); its next start does this\n")
}

/// A job, and what is asked of the daemon about it.
struct JobArguments: ParsableArguments {
    @Argument(help: "The job's id, or its name if no other such job has it.") var job: String
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func ask(_ action: ControlRequest.Action) throws {
        try output.report {
            let daemon = places.daemon
            let found = try daemon.job(job) { refusal(action, $0) == nil }
            let id = found.id
            if let why = refusal(action, found) {
                throw Failure(
                    .usage, code: "job.state", message: "the job \(id) \(why.0)", hint: why.1)
            }
            do {
                try ControlFiles(stateFolder: places.stateFolder).add(ControlRequest(action: action, job: id))
            } catch let error
                as FileError
            { throw Failure(error) }
            noteIfAlone(daemon, output)
            if output.json { print(RequestLine(request: action.rawValue, id: id).oneLine) }
        }
    }
}

/// Why a request does not fit a job's state, and what to do instead.
private func refusal(_ action: ControlRequest.Action, _ job: KnownJob) -> (String, String)? {
    if case .ended(let ended) = job {
        guard ended.state == .failed, let folder = ended.folder else {
            return ("was published", "To run it again, drop its picture and spec again.")
        }
        guard action == .requeue else { return ("has failed", "`clipdragd requeue` runs it again.") }
        let isThere = FailedFolder.isOf(ended.id, folder, PosixFileSystem())
        return isThere ? nil : ("is not in \(folder) any more", "Someone requeued or removed it.")
    }
    if action == .requeue { return ("has not failed", "The daemon runs it in its turn.") }
    if case .running = job, action != .cancel {
        return (
            "is running",
            "`clipdragd cancel` stops it; `clipdragd drain` lets it end and starts no other job."
        )
    }
    return nil
}

private func set(
    _ actions: [ControlRequest.Action], _ on: Bool, _ word: String, _ places: PlaceOptions,
    _ output: OutputOptions
)
    throws
{
    try output.report {
        do {
            let control = ControlFiles(stateFolder: places.stateFolder)
            for action in actions {
                let request = ControlRequest(action: action)
                if on { try control.add(request) } else { try control.withdraw(request) }
            }
        } catch let error as FileError { throw Failure(error) }
        noteIfAlone(places.daemon, output)
        if output.json { print(RequestLine(request: word).oneLine) }
    }
}

/// `clipdragd hold JOB`
struct HoldCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Keep a waiting job from starting.")
    @OptionGroup var job: JobArguments
    func run() throws { try job.ask(.hold) }
}

/// `clipdragd release JOB`
struct ReleaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "release", abstract: "Let a held job start.")
    @OptionGroup var job: JobArguments
    func run() throws { try job.ask(.release) }
}

/// `clipdragd requeue JOB`
struct RequeueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requeue", abstract: "Run a failed job again.")
    @OptionGroup var job: JobArguments
    func run() throws { try job.ask(.requeue) }
}

/// `clipdragd cancel JOB`
struct CancelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Stop a job; it fails as job.cancelled.")
    @OptionGroup var job: JobArguments
    func run() throws { try job.ask(.cancel) }
}

/// `clipdragd pause`
struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Start no more jobs until resume.")
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions
    func run() throws { try set([.pause], true, "pause", places, output) }
}

/// `clipdragd drain`
struct DrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Finish the running jobs, and start no more.")
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions
    func run() throws { try set([.drain], true, "drain", places, output) }
}

/// `clipdragd resume`
struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Start jobs again after pause or drain.")
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions
    func run() throws {
        try set([.pause, .drain], false, "resume", places, output)
    }
}

/// The line of `check-config --json`.
private struct ConfigurationLine: Record {
    static let schema = "clipdrag-configuration-check/1"
    let file: String
    /// Files of the configuration's folder of pieces.
    let pieces: [String]
    /// Whether nothing that it names is missing, and what is.
    let ok: Bool
    let missing: [String]
}

/// `clipdragd check-config [FILE]`
struct CheckConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config", abstract: "Check a configuration.")
    @Argument(help: "The file (default: the one that the daemon would read).") var file: String?
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            var places = places
            if let file { places.config = file }
            let configuration = try places.configuration()
            if let clash = configuration.folderClash { throw clash }
            let path = places.configurationFile ?? "no configuration file: the defaults apply"
            let pieces = try places.configurationFiles?.pieces() ?? []
            let missing = Self.missing(configuration, state: places.stateFolder)
            if output.json {
                let line = ConfigurationLine(
                    file: path, pieces: pieces, ok: missing.isEmpty,
                    missing: missing.map { "\($0.what) \($0.why)" })
                print(line.json.shown.line)
                if !missing.isEmpty { throw ExitCode(ExitStatus.badConfiguration.rawValue) }
                return
            }
            output.printLine(
                missing.isEmpty ? "\(path): good" : "\(path): well written, but what it names is missing:")
            for (what, why) in missing {
                output.printLine("  \(what.padding(toLength: 10, withPad: " ", startingAt: 0)) \(why)")
            }
            for piece in pieces { output.printLine("  piece      \(piece)") }
            for inbox in configuration.inboxes {
                output.printLine("  inbox      \(inbox.path), \(inbox.watch.rawValue)")
            }
            output.printLine("  outbox     \(configuration.outbox ?? "(given by --outbox)")")
            if !missing.isEmpty { throw ExitCode(ExitStatus.badConfiguration.rawValue) }
        }
    }

    /// What a configuration names and this machine has not: the model, and programs that cannot be run.
    private static func missing(_ configuration: Configuration, state: String) -> [(
        what: String, why: String
    )] {
        var missing: [(what: String, why: String)] = []
        if let model = configuration.model {
            do throws(Failure) { _ = try ModelStore(stateFolder: state).folder(of: model) } catch {
                missing.append(("model", error.message))
            }
        }
        return missing + ConfiguredPrograms.faults(configuration)
    }
}
