import ArgumentParser
import DaemonCore
import DurableFiles
import EditJobs
import Failures
import Foundation
import JobFiles
import JSON
import Processes
import ServiceConfiguration
import Settings

extension PlaceOptions {
    /// What the daemon has told in its state folder.
    fileprivate var daemon: StateReader { StateReader(stateFolder) }
}

/// `clipdragd status`
struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "What the daemon is doing.")
    @Flag(help: "Go on until interrupted.") var watch = false
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            var last = ""
            repeat {
                let daemon = places.daemon
                guard let status = daemon.status else {
                    throw Failure(
                        .tryLater, code: "status.none",
                        message: "no daemon has written to \(places.stateFolder)",
                        hint: "Start it with `clipdragd run`, or give its --state.")
                }
                let text = output.json ? line(status, daemon) : text(status, daemon)
                // A terminal shows the present; elsewhere each change is told once.
                if watch && !output.json && isatty(STDOUT_FILENO) == 1 {
                    print("\u{1B}[H\u{1B}[2J", terminator: "")
                }
                if text != last || isatty(STDOUT_FILENO) == 1 { print(text) }
                last = text
                if watch { Thread.sleep(forTimeInterval: 1) }
            } while watch
        }
    }

    private func line(_ status: JSONValue, _ daemon: StateReader) -> String {
        guard case .object(let fields) = status.shown else { return status.line }
        return JSONValue.object([("alive", .bool(daemon.isAlive))] + fields).line
    }

    private func text(_ status: JSONValue, _ daemon: StateReader) -> String {
        var lines: [String] = []
        func row(_ title: String, _ words: String?...) {
            let words = words.compactMap { $0 }.filter { !$0.isEmpty }.joined(separator: " ")
            lines.append(
                title.padding(toLength: 11, withPad: " ", startingAt: 0) + PathCoding.onOneLine(words))
        }
        let pid = status["pid"]?.integer ?? 0
        row(
            "daemon", daemon.isAlive ? "running, process \(pid)" : "not running",
            daemon.hindrance.map { "(\($0))" })
        for inbox in daemon.inboxes { row("inbox", "\(inbox.path), \(inbox.watch)") }
        for (title, key) in [("running", "running"), ("waiting", "waiting"), ("lone half", "lone_halves")] {
            guard case .array(let items)? = status[key] else { continue }
            for item in items {
                let stage = item["stage"]?.string.map {
                    "\($0) \(item["step"]?.integer ?? 0)/\(item["total"]?.integer ?? 0)"
                }
                let notes = [
                    item["state"]?.string == "held" ? "held" : nil,
                    item["orphan"] == .bool(true) ? "orphan" : nil,
                ]
                row(
                    title, item["name"]?.string ?? item["file"]?.string, stage, item["id"]?.string,
                    notes.compactMap { $0 }.first.map { "(\($0))" })
            }
        }
        return lines.joined(separator: "\n")
    }
}

/// `clipdragd list`
struct ListCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Jobs that run, wait, were published or failed.")
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        // A job that was requeued has a record of its failure, and waits under a new id.
        let daemon = places.daemon
        for row in daemon.ended.compactMap({ daemon.record($0) }) + daemon.active {
            let row = row.shown
            let words = [row["id"], row["state"], row["published_as"] ?? row["name"], row["code"]].compactMap
            { $0?.string }
            print(output.json ? row.line : words.map { PathCoding.onOneLine($0) }.joined(separator: "\t"))
        }
    }
}

/// `clipdragd show ID`
struct ShowCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "All that is known of a job.")
    @Argument(help: "The job's id.") var id: String
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            let daemon = places.daemon
            let found = daemon.record(id) ?? daemon.active.first { $0["id"]?.string == id }
            guard let found = found?.shown else { throw unknownJob(id) }
            print(output.json ? found.line : found.lines, terminator: output.json ? "\n" : "")
        }
    }
}

/// `clipdragd explain FILE`
struct ExplainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain", abstract: "Why a file is, or is not, being processed.")
    @Argument(help: "A file in an inbox.") var file: String
    @Option(help: ArgumentHelp("An inbox, when no configuration names it.", valueName: "DIR")) var inbox:
        [String] = []
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            let daemon = places.daemon
            var configuration = try places.configuration()
            configuration.inboxes += inbox.map { Configuration.Inbox(path: absolutePath($0)) }
            let known = Set(configuration.inboxes.map(\.path))
            configuration.inboxes += daemon.inboxes.filter { !known.contains($0.path) }
                .map { Configuration.Inbox(path: $0.path) }
            configuration.outbox = configuration.outbox ?? daemon.status?["outbox"]?.string
            let answer = Explanation.of(
                absolutePath(file), configuration: configuration, daemon: daemon,
                isComplete: pictureCompleteness)
            print(
                output.json
                    ? JSONValue.object([
                        ("file", .string(PathCoding.shown(file))), ("state", .string(answer.state.rawValue)),
                        ("explanation", .string(answer.text)),
                    ]).line : answer.text)
        }
    }
}

private func unknownJob(_ id: String) -> Failure {
    Failure(
        .missingInput, code: "job.unknown", message: "there is no job \(id)",
        hint: "`clipdragd list` shows all.")
}

/// Tells that what was asked for has to wait for a daemon.
private func tellIfAlone(_ daemon: StateReader, _ output: OutputOptions) {
    guard !daemon.isAlive, !output.json else { return }
    let folder = PathCoding.onOneLine(daemon.folder)
    StandardStream.errors.tell("no daemon runs with \(folder); its next start does this\n")
}

/// A job, and what is asked of the daemon about it.
struct JobArguments: ParsableArguments {
    @Argument(help: "The job's id.") var id: String
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func ask(_ verb: ControlFiles.Verb) throws {
        try output.report {
            let daemon = places.daemon
            let (ended, active) = (daemon.record(id), daemon.active.first { $0["id"]?.string == id })
            guard ended != nil || active != nil else { throw unknownJob(id) }
            if let why = refusal(verb, id, ended: ended, active: active) {
                throw Failure(
                    .usage, code: "job.state", message: "the job \(id) \(why.0)", hint: why.1)
            }
            do { try ControlFiles(stateFolder: places.stateFolder).request(verb, id) } catch let error
                as FileError
            { throw Failure(error) }
            tellIfAlone(daemon, output)
            if output.json {
                print(JSONValue.object([("request", .string(verb.rawValue)), ("id", .string(id))]).line)
            }
        }
    }
}

/// Why something cannot be asked of a job as it stands, and what to do instead.
private func refusal(_ verb: ControlFiles.Verb, _ id: String, ended: JSONValue?, active: JSONValue?) -> (
    String, String
)? {
    if let ended {
        guard ended["state"]?.string == "failed", let folder = ended["folder"]?.string else {
            return ("was published", "Drop its picture and spec again to run it once more.")
        }
        guard verb == .requeue else { return ("has failed", "`clipdragd requeue` runs it again.") }
        let isThere = FailedFolder.isOf(id, folder, PosixFileSystem())
        return isThere ? nil : ("is not in \(folder) any more", "It was put back or removed.")
    }
    if verb == .requeue { return ("has not failed", "It is run in its turn.") }
    if active?["executor"] != nil, verb != .cancel {
        return (
            "is running", "`clipdragd cancel` stops it; `clipdragd drain` lets it end and starts no other."
        )
    }
    return nil
}

private func set(
    _ flags: [String], _ on: Bool, _ word: String, _ places: PlaceOptions, _ output: OutputOptions
)
    throws
{
    try output.report {
        do {
            for flag in flags { try ControlFiles(stateFolder: places.stateFolder).set(flag, on) }
        } catch let error as FileError { throw Failure(error) }
        tellIfAlone(places.daemon, output)
        if output.json { print(JSONValue.object([("request", .string(word))]).line) }
    }
}

/// `clipdragd hold ID`
struct HoldCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Keep a waiting job from starting.")
    @OptionGroup var job: JobArguments
    func run() throws { try job.ask(.hold) }
}

/// `clipdragd release ID`
struct ReleaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "release", abstract: "Let a held job start.")
    @OptionGroup var job: JobArguments
    func run() throws { try job.ask(.release) }
}

/// `clipdragd requeue ID`
struct RequeueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requeue", abstract: "Run a failed job again.")
    @OptionGroup var job: JobArguments
    func run() throws { try job.ask(.requeue) }
}

/// `clipdragd cancel ID`
struct CancelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Stop a job and set it aside.")
    @OptionGroup var job: JobArguments
    func run() throws { try job.ask(.cancel) }
}

/// `clipdragd pause`
struct PauseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "pause", abstract: "Start no further jobs.")
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions
    func run() throws { try set(["paused"], true, "pause", places, output) }
}

/// `clipdragd drain`
struct DrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drain", abstract: "Finish what runs, start nothing more.")
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions
    func run() throws { try set(["draining"], true, "drain", places, output) }
}

/// `clipdragd resume`
struct ResumeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume", abstract: "Go on after pause or drain.")
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions
    func run() throws {
        try set(["paused", "draining"], false, "resume", places, output)
    }
}

/// `clipdragd check-config [FILE]`
struct CheckConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config", abstract: "Check a configuration.")
    @Argument(help: "The file; the one in force by default.") var file: String?
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            var places = places
            if let file { places.config = file }
            let configuration = try places.configuration()
            if let clash = configuration.folderClash { throw clash }
            let path = places.configurationFile ?? "no configuration file: the defaults are in force"
            let pieces = try places.configurationFiles?.pieces() ?? []
            if output.json {
                return print(
                    JSONValue.object([
                        ("file", .string(path)), ("pieces", .array(pieces.map { .string($0) })),
                        ("ok", .bool(true)),
                    ]).shown.line)
            }
            output.tell("\(path): good")
            for piece in pieces { output.tell("  piece      \(piece)") }
            for inbox in configuration.inboxes {
                output.tell("  inbox      \(inbox.path), \(inbox.watch.rawValue)")
            }
            output.tell("  outbox     \(configuration.outbox ?? "(given by --outbox)")")
        }
    }
}
