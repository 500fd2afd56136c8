import ArgumentParser
import DragEditing
import EditJobs
import Foundation
import Imaging
import JobFiles
import SpecParser

/// `clipdragd check`: validates, explains, runs nothing.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check specs and say what they would do.")

    @Argument(help: "Specs.")
    var specs: [String]

    @Option(help: ArgumentHelp("The picture, when it is not beside the spec.", valueName: "IMAGE"))
    var image: String?

    @OptionGroup var model: ModelOptions
    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            let configuration = try places.configuration()
            let folder = try model.folder(configuration, state: places.stateFolder)
            model.apply(folder)
            let recommended = try ModelStore.recommended(folder)
            var worst: JobFailure?
            for path in specs {
                do {
                    let plan = try JobPlan(
                        spec: path, image: image, isImageNeeded: false, recommended: recommended,
                        model: folder,
                        options: JobOptions(configuration))
                    // What an earlier edit has measured; checking runs nothing.
                    let forecast = plan.latentSize(folder).flatMap {
                        RememberedPace(
                            modelFolder: folder, size: $0, settings: plan.settings,
                            cache: JobCache(places.cache(configuration)))
                    }?.pace.forecast(plan.settings)
                    explain(path, plan, model: lastComponent(folder), forecast)
                } catch let failure as JobFailure {
                    output.say(failure)
                    worst = worst ?? failure
                }
            }
            if let worst { throw ExitCode(worst.exit.rawValue) }
        }
    }

    private func explain(_ path: String, _ plan: JobPlan, model: String, _ forecast: EditPace.Forecast?) {
        let spec = plan.parsed.spec
        let settings = plan.settings
        var lines = ["\(path): good"]
        if let image = plan.image {
            lines.append("  picture    \(plan.imageName), \(image.width)×\(image.height) pixels")
        }
        lines.append("  model      \(model), preset \(plan.preset)")
        lines.append("  source     \(spec.sourcePrompt ?? "(the captioner describes the picture)")")
        lines.append("  wish       \(spec.editPrompt ?? "(none: the drags alone)")")
        for drag in plan.drags where plan.image != nil || spec.units == .pixels {
            lines.append(
                "  drag       (\(drag.handle.x), \(drag.handle.y)) → (\(drag.target.x), \(drag.target.y))")
        }
        let mask =
            plan.mask != nil || !spec.mask.isEmpty
            ? "as given" : settings.autoMask && !spec.drags.isEmpty ? "the drags' surroundings" : "none"
        lines.append("  mask       \(mask)")
        lines.append(
            "  work       \(settings.lora.steps) fine-tuning steps, inversion, at most \(settings.dragStepLimit) drag steps, sampling"
        )
        lines.append(
            "  forecast   \(forecast?.text ?? "(known after the first edit with this model on this machine)")"
        )
        for note in plan.notes { lines.append("  note       \(note)") }
        if output.json {
            print(
                JSONValue.object([
                    ("spec", .string(path)), ("ok", .bool(true)), ("preset", .string(plan.preset)),
                    ("settings", .object(settings.values.map { ($0.key, $0.value.json) })),
                    ("forecast", forecast?.json ?? .null),
                    ("notes", .array(plan.notes.map { .string($0) })),
                ]).line)
        } else {
            print(lines.joined(separator: "\n"))
        }
    }
}
