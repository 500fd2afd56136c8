import ArgumentParser
import Diffusion
import DragEditing
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
import SpecParser
import TensorCore

/// `clipdragd edit`: one job, without a daemon.
struct EditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit", abstract: "Edit one picture and write a job folder's files.")

    @Argument(help: "The picture.")
    var image: String

    @Argument(help: "The spec.")
    var spec: String

    @Option(help: ArgumentHelp("The folder to write; it must be empty or absent.", valueName: "DIR"))
    var out: String

    @Option(
        help: ArgumentHelp(
            "A LoRA file (diffusers or kohya), used instead of fine-tuning.", valueName: "FILE"))
    var lora: String?

    @Option(help: "The scale of --lora, from -10 to 10.")
    var loraScale = 1.0

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp("A setting that overrides the spec's.", valueName: "KEY=VALUE"))
    var settings: [String] = []

    @Option(
        help: ArgumentHelp(
            "Write the edit's tensors, in the reference's format.", valueName: "FILE.safetensors"))
    var trace: String?

    @Option(help: ArgumentHelp("Write the fine-tuned LoRA in the diffusers layout.", valueName: "FILE"))
    var saveLora: String?

    @OptionGroup var method: MethodOption
    @OptionGroup var model: ModelOptions
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard (-10...10).contains(loraScale) else {
            throw ValidationError("--lora-scale takes a number from -10 to 10.")
        }
    }

    func run() throws {
        try output.report {
            let configuration = try places.configuration()
            var options = method.jobOptions(configuration)
            options.overrides = try settings.map { try parseSetting($0) }
            options.lora = lora
            options.loraScale = loraScale
            for path in [image, spec] + (lora.map { [$0] } ?? [])
            where !FileManager.default.fileExists(atPath: path) {
                throw Failure(
                    .missingInput, code: "file.missing", message: "\(path) is not there", file: path,
                    hint: "Check the path.")
            }
            let files = PosixFileSystem()
            try checkOut(files)
            let folder = try model.folder(configuration, state: places.stateFolder)
            let plan = try JobPlan(
                spec: spec, image: image, isImageNeeded: true,
                recommended: try ModelStore.recommended(folder), model: folder,
                options: options)
            // A trace is compared with the reference, which computes in f32.
            model.apply(folder, automatic: trace == nil ? nil : .f32)
            let loaded = try ModelStore.load(folder)
            let name = stem(lastComponent(spec))
            let recorder = trace == nil && saveLora == nil ? nil : TraceRecorder(wantsTensors: trace != nil)
            let progress = ProgressPrinter(json: output.json)
            let products = try EditJob(loaded, options).run(
                plan, identity: JobIdentity(id: UUID().uuidString.lowercased(), name: name),
                imagePath: absolutePath(image),
                // A trace holds all stages, so none comes from the cache.
                cache: trace == nil ? JobCache(places.cache(configuration)) : nil,
                trace: recorder, announce: progress.announce, warn: OutputOptions.warn,
                report: progress.report)
            progress.finish()
            try write(products, recorder, files)
            let result = "\(out)/\(products.first?.name ?? "")"
            print(output.json ? EditLine(result: result).oneLine : result)
        }
    }

    private func checkOut(_ files: PosixFileSystem) throws(Failure) {
        do {
            if let status = try files.status(out) {
                let entries = status.kind == .directory ? try files.list(out) : nil
                guard entries?.isEmpty == true else {
                    throw Failure(
                        .badOutput, code: "out.not_empty", message: "\(out) is not an empty folder",
                        file: out,
                        hint: "Give a new folder, or empty this one.")
                }
            }
            try files.createDirectory(out)
        } catch let error as FileError {
            throw Failure(error, .badOutput)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(unexpected: error)
        }
    }

    private func write(_ products: [ResultFile], _ recorder: TraceRecorder?, _ files: PosixFileSystem)
        throws(Failure)
    {
        do {
            for product in products { try files.create("\(out)/\(product.name)", product.bytes, mode: 0o644) }
            if let recorder, let trace { try recorder.save(as: trace, files) }
            if let saveLora, let lora = recorder?.lora {
                try files.replace(saveLora, lora.encoded(), mode: 0o644)
            }
        } catch { throw Failure(error, .badOutput) }
    }
}

/// The line of `edit --json` that names the edited picture.
private struct EditLine: Record {
    static let schema = "clipdrag-edit/1"
    /// The picture's path.
    let result: String
}

/// The line of `edit --json` at the beginning of a stage.
private struct StageLine: Record {
    static let schema = "clipdrag-stage/1"
    let stage: EditProgress.Stage
    /// Steps of the stage.
    let total: Int
    /// Whether it comes from the cache of an earlier edit.
    let restored: Bool
}

/// The line of `edit --json` before the edit.
private struct ForecastLine: Record {
    static let schema = "clipdrag-forecast/1"
    let forecast: ForecastRecord
}

/// Progress of an edit on standard error: a bar on a terminal, else a line per stage.
final class ProgressPrinter {
    private let json: Bool
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var stage: EditProgress.Stage?

    init(json: Bool) { self.json = json }

    /// Reports one step.
    func report(_ progress: EditProgress) {
        if json {
            if progress.stage != stage {
                let line = StageLine(
                    stage: progress.stage, total: progress.total, restored: progress.isRestored)
                print(line.oneLine)
            }
        } else if isTerminal {
            let width = 30
            let filled = progress.total > 0 ? width * progress.step / progress.total : 0
            let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: width - filled)
            let name = progress.stage.rawValue
            write(
                "\r\(name)\(String(repeating: " ", count: max(0, 10 - name.count)))\(bar) \(progress.step)/\(progress.total)   "
            )
        } else if progress.stage != stage {
            let how = progress.isRestored ? "restored from the cache" : "\(progress.total) steps"
            write("\(progress.stage.rawValue): \(how)\n")
        }
        stage = progress.stage
    }

    /// Reports the forecast.
    func announce(_ forecast: EditPace.Forecast) {
        if json {
            print(ForecastLine(forecast: ForecastRecord(forecast)).oneLine)
        } else {
            write("forecast: \(forecast.text)\n")
        }
    }

    /// Ends the bar's line.
    func finish() { if isTerminal && !json { write("\n") } }

    private func write(_ text: String) { StandardStream.errors.write(text) }
}
