import ArgumentParser
import Diffusion
import DragEditing
import DurableFiles
import EditJobs
import Failures
import Foundation
import Imaging
import JobFiles
import JSON
import ModelManagement
import ServiceConfiguration
import Settings
import SpecParser

/// `clipdragd check`: validates, explains, and edits nothing.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check specs and show what an edit would do.")

    @Argument(help: "The specs.", completion: Completions.spec)
    var specs: [String]

    @Option(
        help: ArgumentHelp("The picture, if it does not lie beside the spec.", valueName: "IMAGE"),
        completion: Completions.picture)
    var image: String?

    @Flag(
        help:
            "Measure one step of each stage for the forecast, if no earlier edit on this machine has."
    )
    var measure = false

    /// The line of `check --json` for a good spec.
    private struct CheckLine: Record {
        static let schema = "clipdrag-check/1"
        let spec: String
        let ok: Bool
        let preset, method: String
        let settings: OrderedFields<SettingValue>
        let forecast: ForecastRecord?
        let notes: [String]
    }

    @OptionGroup var method: MethodOption
    @OptionGroup var model: ModelOptions
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            let configuration = try places.configuration()
            let folder = try model.folder(configuration, state: places.stateFolder)
            model.apply(folder)
            let recommended = try ModelStore.recommended(folder)
            var worst: Failure?
            var loaded: DiffusionModel?
            for path in specs {
                do {
                    let plan = try JobPlan(
                        spec: path, image: image, isImageNeeded: false, recommended: recommended,
                        model: folder,
                        options: method.jobOptions(configuration))
                    let forecast = try forecast(
                        plan, folder, JobCache(places.cache(configuration)), &loaded)
                    explain(
                        path, plan, model: lastComponent(folder), latent: plan.latentSize(folder), forecast)
                } catch let failure as Failure {
                    output.say(failure)
                    worst = worst ?? failure
                }
            }
            if let worst { throw ExitCode(worst.exit.rawValue) }
        }
    }

    /// The forecast from an earlier edit's measurements or, with `--measure`, from measurements now.
    private func forecast(
        _ plan: JobPlan, _ folder: String, _ cache: JobCache, _ loaded: inout DiffusionModel?
    )
        throws -> EditPace.Forecast?
    {
        guard let size = plan.latentSize(folder) else { return nil }
        var known = RememberedPace(modelFolder: folder, size: size, plan: plan, cache: cache)
        if known == nil && measure {
            let model = try loaded ?? ModelStore.load(folder)
            loaded = model
            known = try RememberedPace(of: model, size: size, plan: plan, cache: cache)
        }
        return known?.pace.forecast(plan.cost(latent: size), budget: plan.settings.budget)
    }

    /// What the stages do.
    private func work(_ plan: JobPlan, latent: Size?) -> String {
        let cost = plan.cost(latent: latent)
        let needs = plan.method.needs(plan.settings)
        let steps = cost.stages[.dragging]?.steps ?? 0
        let parts = [
            needs.fineTuning ? "\(plan.settings.lora.steps) fine-tuning steps" : nil,
            needs.inversion ? "inversion" : nil,
            steps > 0 ? "at most \(steps) drag steps" : nil,
            needs.sampling ? "sampling" : nil,
        ].compactMap { $0 }
        let passes = [EditProgress.Stage.inverting, .dragging, .sampling]
            .reduce(0) { $0 + (cost.stages[$1]?.fixed.passes ?? 0) }
        return (parts + (steps > 0 ? [] : ["\(passes) U-Net passes"])).joined(separator: ", ")
    }

    private func explain(
        _ path: String, _ plan: JobPlan, model: String, latent: Size?, _ forecast: EditPace.Forecast?
    ) {
        let spec = plan.parsed.spec
        let settings = plan.settings
        var lines = ["\(path): good"]
        if let image = plan.image {
            lines.append("  picture    \(plan.imageName), \(image.width)×\(image.height) pixels")
        }
        lines.append("  model      \(model), preset \(plan.preset)")
        lines.append("  method     \(plan.method.name)")
        lines.append("  source     \(spec.sourcePrompt ?? "(the captioner describes the picture)")")
        lines.append("  edit       \(spec.editPrompt ?? "(none: only the drags)")")
        for drag in plan.drags where plan.image != nil || spec.units == .pixels {
            lines.append(
                "  drag       (\(drag.handle.x), \(drag.handle.y)) → (\(drag.target.x), \(drag.target.y))"
                    + (drag.regions.map { ", \($0.from.count) pixels to \($0.to.count)" } ?? ""))
        }
        let mask =
            plan.mask != nil || !spec.mask.isEmpty
            ? "as given" : settings.autoMask && !spec.drags.isEmpty ? "the drags' surroundings" : "none"
        lines.append("  mask       \(mask)")
        if let region = plan.regionText { lines.append("  region     \(region)") }
        lines.append("  work       \(work(plan, latent: latent))")
        lines.append(
            "  forecast   \(forecast?.text ?? "(after the first edit with this model on this machine, or now with --measure)")"
        )
        for note in plan.notes { lines.append("  note       \(note)") }
        if output.json {
            let line = CheckLine(
                spec: path, ok: true, preset: plan.preset, method: plan.method.name,
                settings: OrderedFields(settings.values.map { ($0.name, $0.value) }),
                forecast: forecast.map { ForecastRecord($0) }, notes: plan.notes)
            print(line.oneLine)
        } else {
            for line in lines { output.printLine(line) }
        }
    }
}
