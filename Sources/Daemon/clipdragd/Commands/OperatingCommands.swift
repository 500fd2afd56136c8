import ArgumentParser
import DaemonCore
import EditJobs
import Foundation
import JobFiles
import SpecParser

/// Reads what the daemon has written in its state folder.
private func stateFile(_ places: PlaceOptions, _ name: String) -> JSONValue? {
    (try? PosixFileSystem().read("\(places.stateFolder)/\(name)")).flatMap { JSONValue(parsing: $0)?.shown }
}

private func history(_ places: PlaceOptions) -> [JSONValue] {
    let names = (try? PosixFileSystem().list("\(places.stateFolder)/history").map(\.name)) ?? []
    return names.sorted().compactMap { stateFile(places, "history/\($0)") }
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
            repeat {
                guard let status = stateFile(places, "status.json") else {
                    throw JobFailure(
                        code: "status.none", message: "no daemon has written to \(places.stateFolder)",
                        hint: "Start it with `clipdragd run`, or give its --state.", exit: .tryLater)
                }
                show(status)
                if watch { Thread.sleep(forTimeInterval: 1) }
            } while watch
        }
    }

    private func show(_ status: JSONValue) {
        if output.json { return print(status.line) }
        let pid = status["pid"]?.integer ?? 0
        print(
            "daemon     \(kill(pid_t(pid), 0) == 0 ? "running, process \(pid)" : "not running")\(status["paused"] == .bool(true) ? ", paused" : "")"
        )
        for (title, key) in [("running", "running"), ("waiting", "waiting"), ("lone half", "lone_halves")] {
            guard case .array(let items)? = status[key] else { continue }
            for item in items {
                let name = item["name"]?.string ?? item["file"]?.string ?? ""
                let stage =
                    item["stage"]?.string.map {
                        " \($0) \(item["step"]?.integer ?? 0)/\(item["total"]?.integer ?? 0)"
                    } ?? ""
                print(
                    "\(title)\(String(repeating: " ", count: max(1, 11 - title.count)))\(name)\(stage) \(item["id"]?.string ?? "")"
                )
            }
        }
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
        for row in history(places) + activeJobs(places) {
            let words = [row["id"], row["state"], row["published_as"] ?? row["name"], row["code"]].compactMap
            { $0?.string }
            print(output.json ? row.line : words.joined(separator: "\t"))
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
            let found =
                stateFile(places, "history/\(lastComponent(id)).json")
                ?? activeJobs(places).first { $0["id"]?.string == id }
            guard let found else {
                throw JobFailure(
                    code: "job.unknown", message: "there is no job \(id)",
                    hint: "`clipdragd list` shows all.", exit: .noInput)
            }
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
            var configuration = try places.configuration()
            configuration.inboxes += inbox.map { Configuration.Inbox(path: absolutePath($0)) }
            let text = Explanation.of(
                absolutePath(file), configuration: configuration, isComplete: pictureCompleteness)
            print(
                output.json
                    ? JSONValue.object([("file", .string(file)), ("explanation", .string(text))]).line : text)
        }
    }
}

/// Jobs that run or wait, as the daemon has told.
private func activeJobs(_ places: PlaceOptions) -> [JSONValue] {
    let status = stateFile(places, "status.json")
    return ["running", "waiting"].flatMap { key -> [JSONValue] in
        guard case .array(let items)? = status?[key] else { return [] }
        return items.map { item in
            guard case .object(let fields) = item, item["state"] == nil else { return item }
            return .object(fields + [("state", .string(key))])
        }
    }
}

/// Asks the daemon for something about one job.
private func ask(_ verb: ControlFiles.Verb, _ id: String, _ places: PlaceOptions, _ output: OutputOptions)
    throws
{
    try output.report {
        let isKnown =
            activeJobs(places).contains { $0["id"]?.string == id }
            || stateFile(places, "history/\(lastComponent(id)).json")?["id"]?.string == id
        guard isKnown else {
            throw JobFailure(
                code: "job.unknown", message: "there is no job \(id)", hint: "`clipdragd list` shows all.",
                exit: .noInput)
        }
        do { try ControlFiles(stateFolder: places.stateFolder).request(verb, id) } catch let error
            as FileError
        { throw JobFailure(error) }
        if output.json {
            print(JSONValue.object([("request", .string(verb.rawValue)), ("id", .string(id))]).line)
        }
    }
}

private func set(
    _ flags: [String], _ on: Bool, _ word: String, _ places: PlaceOptions, _ output: OutputOptions
)
    throws
{
    try output.report {
        do {
            for flag in flags { try ControlFiles(stateFolder: places.stateFolder).set(flag, on) }
        } catch let error as FileError { throw JobFailure(error) }
        if output.json { print(JSONValue.object([("request", .string(word))]).line) }
    }
}

/// `clipdragd hold ID`
struct HoldCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hold", abstract: "Keep a waiting job from starting.")
    @Argument(help: "The job's id.") var id: String
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions
    func run() throws { try ask(.hold, id, places, output) }
}

/// `clipdragd release ID`
struct ReleaseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "release", abstract: "Let a held job start.")
    @Argument(help: "The job's id.") var id: String
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions
    func run() throws { try ask(.release, id, places, output) }
}

/// `clipdragd requeue ID`
struct RequeueCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requeue", abstract: "Run a failed job again.")
    @Argument(help: "The job's id.") var id: String
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions
    func run() throws { try ask(.requeue, id, places, output) }
}

/// `clipdragd cancel ID`
struct CancelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cancel", abstract: "Stop a job and set it aside.")
    @Argument(help: "The job's id.") var id: String
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions
    func run() throws { try ask(.cancel, id, places, output) }
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
            print(
                output.json
                    ? JSONValue.object([("file", .string(path)), ("ok", .bool(true))]).line : "\(path): good")
            if !output.json {
                for inbox in configuration.inboxes {
                    print("  inbox      \(inbox.path), \(inbox.watch.rawValue)")
                }
                print("  outbox     \(configuration.outbox ?? "(given by --outbox)")")
            }
        }
    }
}
