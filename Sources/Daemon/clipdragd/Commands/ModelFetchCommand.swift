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
                print(ModelPlace(name: made.name, folder: made.folder).text(json: output.json))
            }
        }
    }
}

/// The line of `models fetch --json` for every tenth of a file.
private struct FetchLine: Record {
    static let schema = "clipdrag-fetch/1"
    /// The file's place in the model.
    let file: String
    /// Bytes of it that are here, and of it in all.
    let bytes, size: Int
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
            let line = FetchLine(file: progress.file, bytes: progress.bytes, size: progress.size)
            print(line.oneLine)
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
