import ArgumentParser
import DaemonCore
import DurableFiles
import EditJobs
import Failures
import Foundation
import JobFiles
import JSON
import ServiceConfiguration
import Settings

/// `clipdragd add-inbox DIR`: for the administrator.
struct AddInboxCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add-inbox",
        abstract: "Let the service watch a folder anywhere, and check that it does.")

    /// The values of `--watch`.
    enum WatchChoice: String, ExpressibleByArgument, CaseIterable { case auto, inotify, poll }

    @Argument(
        help: ArgumentHelp(
            "The folder's absolute path; the command makes the folder if it is missing.", valueName: "DIR"))
    var directory: String

    @Option(help: "The service's unit. Default: the one that reads the configuration.")
    var unit: String?

    @Option(help: "How to watch it.")
    var watch = WatchChoice.auto

    @Option(help: "A number to add to its jobs' priorities, -1000 to 1000.")
    var priority = 0

    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        if !(-1000...1000).contains(priority) {
            throw ValidationError("--priority takes a number from -1000 to 1000.")
        }
        if let unit, unit.isEmpty || unit.contains("/") || unit.hasPrefix("-") {
            throw ValidationError("--unit takes a unit's name, such as clipdragd or clipdragd@blue.")
        }
    }

    func run() throws {
        try output.report {
            // The service has to read what is written here.
            umask(0o022)
            guard let main else {
                throw Failure(
                    .badConfiguration, code: "config.missing",
                    message: "there is no configuration to add an inbox to",
                    hint: "Make /etc/clipdragd/config.yaml, or give --config FILE.")
            }
            let files = ConfigurationFiles(absolutePath(main))
            let addition = try InboxAddition(
                directory.hasPrefix("/") ? absolutePath(directory) : directory,
                watch: Configuration.Inbox.Watch(rawValue: watch.rawValue) ?? .auto, priority: priority,
                files: files, unitName: unit ?? unitThatReads(files.main),
                stateFolder: places.state.map { absolutePath($0) })
            let read = try files.read(missing: places.config == nil ? .badConfiguration : .missingInput)
            let others = try parseConfiguration(read.filter { $0.path != addition.piece })
            try addition.check(beside: others)
            show(try addition.run())
        }
    }

    private static let folder = "/etc/clipdragd"

    /// The configuration: as given, else the one that the unit reads.
    private var main: String? {
        if let config = places.config { return config }
        guard let unit, let instance = unit.split(separator: "@").dropFirst().first else {
            return places.configurationFile
        }
        return "\(Self.folder)/\(instance.hasSuffix(".service") ? instance.dropLast(8) : instance).yaml"
    }

    /// The unit that reads a configuration, of those that the package has.
    private func unitThatReads(_ file: String) -> String? {
        guard parent(file) == Self.folder, fileExtension(file) == "yaml" else { return nil }
        let name = stem(lastComponent(file))
        return name == "config" ? "clipdragd" : "clipdragd@\(name)"
    }

    private func show(_ answer: InboxAddition.Answer) {
        if output.json {
            let line = AddedInbox(
                inbox: answer.inbox.path, priority: answer.inbox.priority, folder: answer.ownership,
                piece: answer.piece, unit: answer.unit, dropIn: answer.dropIn, watch: answer.watch,
                checked: answer.watch != nil, notes: answer.notes)
            return print(line.oneLine)
        }
        let state = answer.watch.map { ", watched by \(answer.unit ?? "") (\($0))" } ?? ""
        output.printLine("\(answer.inbox.path): an inbox\(state)")
        output.printLine("  folder     \(answer.ownership)")
        output.printLine("  piece      \(answer.piece)")
        if let dropIn = answer.dropIn { output.printLine("  drop-in    \(dropIn)") }
        for note in answer.notes { output.printLine("  note       \(note)") }
    }
}

/// The line of `add-inbox --json`.
private struct AddedInbox: Record {
    static let schema = "clipdrag-added-inbox/1"
    let inbox: String
    let priority: Int
    /// Whose the folder is and who may use it, and the piece of the configuration.
    let folder, piece: String
    /// The service's unit and its drop-in, and how the service watches the inbox; nil where there is none.
    let unit, dropIn, watch: String?
    /// Whether the running service was seen to watch it.
    let checked: Bool
    let notes: [String]

    enum CodingKeys: String, CodingKey {
        case inbox, priority, folder, piece, unit
        case dropIn = "drop_in"
        case watch, checked, notes
    }
}
