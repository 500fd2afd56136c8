import ArgumentParser
import DragEditing
import DurableFiles
import EditJobs
import Evaluation
import Failures
import Foundation
import JobFiles
import JSON
import ModelManagement
import Processes
import Settings
import SpecParser

/// `clipdragd evaluate`: many edits by many methods, measured.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract:
            "Edit a folder of cases by several methods and measure the results; goes on where it stopped.")

    @Argument(help: "A folder of folders, each with spec.yaml, its picture, and perhaps target.png.")
    var folder: String

    @Option(help: ArgumentHelp("The methods, by commas (default: clipdrag).", valueName: "NAMES"))
    var methods = MethodRow.standard

    @Option(
        help: ArgumentHelp(
            "Values of max_steps, by commas, for methods with drag steps.", valueName: "NUMBERS"))
    var steps: String?

    @Option(help: ArgumentHelp("Seeds, by commas (default: 42).", valueName: "NUMBERS"))
    var seeds = "42"

    @Option(help: ArgumentHelp("The folder for rows, pictures and the page.", valueName: "DIR"))
    var out: String

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("A setting that overrides those of all specs.", valueName: "KEY=VALUE"))
    var settings: [String] = []

    @Flag(help: "Say how long it will take, and edit nothing.")
    var forecast = false

    @OptionGroup var model: ModelOptions
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        for name in names where !MethodRow.names.contains(name) {
            throw ValidationError(
                "there is no method `\(name)`; there are: \(MethodRow.names.joined(separator: ", "))")
        }
        guard !names.isEmpty else { throw ValidationError("--methods takes names, by commas.") }
        guard stepNumbers?.allSatisfy({ (0...10000).contains($0) }) ?? (steps == nil) else {
            throw ValidationError("--steps takes whole numbers from 0 to 10000, by commas.")
        }
        guard let seedNumbers, !seedNumbers.isEmpty else {
            throw ValidationError("--seeds takes whole numbers from 0, by commas.")
        }
    }

    func run() throws {
        try output.report {
            let configuration = try places.configuration()
            let models = try model.folder(configuration, state: places.stateFolder)
            model.apply(models)
            var job = JobOptions(configuration)
            job.overrides = try settings.map { try parseSetting($0) }
            let options = Evaluation.Options(
                methods: names, steps: stepNumbers ?? [], seeds: seedNumbers ?? [], job: job)
            let evaluation = try Evaluation(
                absolutePath(folder), out: absolutePath(out), options, model: try ModelStore.load(models),
                models: StateLayout(places.stateFolder).models, cache: JobCache(places.cache(configuration)))
            try evaluation.run(onlyForecast: forecast, reports)
            if !output.json && !forecast { output.printLine("\(out)/README.md") }
        }
    }

    private var reports: Evaluation.Reports {
        Evaluation.Reports(
            forecast: { edits, seconds in
                if output.json {
                    print(EvaluationForecastLine(edits: edits, forecastSeconds: seconds).oneLine)
                } else {
                    let time = seconds.map { ", at most about \(Self.time($0))" } ?? ""
                    StandardStream.errors.write("\(edits) edits to do\(time)\n")
                }
            },
            row: { row, done, total in
                if output.json { return print(row.json.line) }
                let what =
                    "\(row.name), \(row.method)\(row.steps.map { ", \($0) steps" } ?? ""), seed \(row.seed)"
                let result =
                    row.failure
                    ?? "\(row.verdict ?? ""), MD \(row.meanDistance.map { String(format: "%.1f", $0) } ?? "–")"
                StandardStream.errors.write("\(done)/\(total) \(PathCoding.onOneLine(what)): \(result)\n")
            })
    }

    private static func time(_ seconds: Double) -> String {
        seconds < 90
            ? "\(Int(seconds.rounded(.up))) s"
            : seconds < 7200
                ? "\(Int((seconds / 60).rounded(.up))) min" : "\(Int((seconds / 3600).rounded(.up))) h"
    }

    private var names: [String] { methods.split(separator: ",").map(String.init) }
    private var stepNumbers: [Int]? { steps.flatMap { Self.numbers($0) } }
    private var seedNumbers: [UInt64]? { Self.numbers(seeds) }

    private static func numbers<T: FixedWidthInteger>(_ text: String) -> [T]? {
        let parts = text.split(separator: ",").map { T($0) }
        return parts.contains(nil) || parts.isEmpty ? nil : parts.compactMap { $0 }
    }
}

/// The line of `evaluate --json` before the first edit.
private struct EvaluationForecastLine: Record {
    static let schema = "clipdrag-evaluation-forecast/1"
    /// Edits to do.
    let edits: Int
    /// Seconds that they take at most; nil: not known before the first edit.
    let forecastSeconds: Double?

    enum CodingKeys: String, CodingKey {
        case edits
        case forecastSeconds = "forecast_seconds"
    }
}
