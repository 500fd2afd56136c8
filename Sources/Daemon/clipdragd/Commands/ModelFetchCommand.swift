import ArgumentParser
import DurableFiles
import EditJobs
import Foundation
import JobFiles
import JSON
import ModelManagement
import Processes

extension ModelsCommand {
    /// Downloads a model.
    struct Fetch: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Download a model that a manifest lists, or continue an interrupted download.")
        @Argument(
            help: ArgumentHelp(
                "A manifest's address or path, or NAME for NAME.fetch.json among the models.",
                valueName: "NAME|URL|FILE"))
        var source: String
        @OptionGroup var places: PlaceOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            try output.report {
                let printer = FetchPrinter(json: output.json)
                let fetch = ModelFetch(into: StateLayout(places.stateFolder).models) { printer.report($0) }
                let made = try fetch.run(source, folders: ModelStore(stateFolder: places.stateFolder).folders)
                printer.finish()
                print(
                    output.json
                        ? JSONValue.object([("name", .string(made.name)), ("folder", .string(made.folder))])
                            .line
                        : "\(PathCoding.onOneLine(made.name))\t\(PathCoding.onOneLine(made.folder))")
            }
        }
    }
}

/// Progress of a download: a bar on a terminal, else a line for every tenth of a file.
private final class FetchPrinter {
    private let json: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var last = (file: "", tenth: -1)

    init(json: Bool) { self.json = json }

    func report(_ progress: ModelFetch.Progress) {
        let tenth = progress.size > 0 ? 10 * progress.bytes / progress.size : 10
        guard last != (progress.file, tenth) else { return }
        last = (progress.file, tenth)
        let file = PathCoding.onOneLine(progress.file)
        if json {
            print(
                JSONValue.object([
                    ("file", .string(progress.file)), ("bytes", .integer(progress.bytes)),
                    ("size", .integer(progress.size)),
                ]).line)
        } else if isTerminal {
            let bar = String(repeating: "█", count: 3 * tenth) + String(repeating: "·", count: 30 - 3 * tenth)
            write(
                "\r\(bar) \(file) \(Self.megabytes(progress.bytes))/\(Self.megabytes(progress.size)) MB   "
            )
            if tenth == 10 { write("\n") }
        } else {
            write("\(file): \(10 * tenth) % of \(Self.megabytes(progress.size)) MB\n")
        }
    }

    func finish() { if isTerminal && !json { write("\n") } }

    private static func megabytes(_ bytes: Int) -> String { String(format: "%.1f", Double(bytes) / 1e6) }

    private func write(_ text: String) { StandardStream.errors.write(text) }
}
