import ArgumentParser
import DaemonCore
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

/// `clipdragd edit-worker`: one claimed job, in a process of its own. The daemon starts it; its crash fails the job alone.
struct EditWorkerCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edit-worker", abstract: "Edit one claimed job (started by the daemon).",
        shouldDisplay: false)

    @Option var spec: String
    @Option var image: String?
    @Option var out: String
    @Option var id: String
    @Option var name: String
    @Option var attempt = 1
    @Option var duplicateOf: String?
    @OptionGroup var model: ModelOptions
    @OptionGroup var places: PlaceOptions

    func run() throws {
        Worker.dieWithDaemon()
        do {
            try describeWithNetwork()
            try sandbox().enter()
            try edit()
        } catch let failure as Failure {
            send(failure)
            throw ExitCode(failure.exit.rawValue)
        }
    }

    /// The worker reads its job, its model and the state folder's caches, and writes into its result folder.
    private func sandbox() throws(Failure) -> Sandbox {
        let configuration = try places.configuration()
        let folder = try model.folder(configuration, state: places.stateFolder)
        let runsPrograms = configuration.captions.captioners.contains {
            if case .command(_, hasNetwork: false) = $0 { true } else { false }
        }
        var files = [parent(spec), places.stateFolder]
        files += captionFiles(configured: configuration.captions.vocabulary, model: folder)
        if let configured = places.configurationFiles {
            // Each piece too: it may be a link out of the folder.
            files += [configured.main, configured.folder] + (try configured.pieces())
        }
        return Sandbox(
            readable: files + (try ModelStore.places(of: folder)),
            writable: [out], runsPrograms: runsPrograms)
    }

    /// The environment variable that carries what programs with a network said into the sandbox.
    private static let earlyCaptions = "CLIPDRAGD_EARLY_CAPTIONS"

    /// Runs the captioning programs that the configuration gives a network, before the sandbox closes it.
    private func describeWithNetwork() throws(Failure) {
        guard !Sandbox.isInside else { return }
        unsetenv(Self.earlyCaptions)
        let captions = try places.configuration().captions
        let needsNetwork = captions.captioners.contains {
            if case .command(_, hasNetwork: true) = $0 { true } else { false }
        }
        // A spec that cannot be read is the job's own error, and comes later.
        guard needsNetwork, let bytes = try? PosixFileSystem().read(spec),
            let parsed = try? parseSpec(bytes, file: spec), parsed.spec.sourcePrompt == nil,
            let encoded = try? JSONEncoder().encode(EarlyCaptions(captions, image: image ?? ""))
        else { return }
        setenv(Self.earlyCaptions, String(decoding: encoded, as: UTF8.self), 1)
    }

    private func edit() throws {
        let configuration = try places.configuration()
        var options = JobOptions(configuration)
        if let early = ProcessInfo.processInfo.environment[Self.earlyCaptions] {
            options.earlyCaptions = try JSONDecoder().decode(EarlyCaptions.self, from: Data(early.utf8))
        }
        let folder = try model.folder(configuration, state: places.stateFolder)
        let plan = try JobPlan(
            spec: spec, shownAs: PathCoding.shown(lastComponent(spec)), image: image, isImageNeeded: true,
            recommended: try ModelStore.recommended(folder),
            model: folder, options: options)
        model.apply(folder)
        let identity = JobIdentity(
            id: id, name: PathCoding.shown(name), attempt: attempt,
            duplicateOf: duplicateOf.map { PathCoding.shown($0) })
        let products = try EditJob(try ModelStore.load(folder), options).run(
            plan, identity: identity, imagePath: image ?? "",
            cache: JobCache(
                places.cache(configuration), drawer: "\(out)/\(ContentCache.drawerName)"),
            announce: { send($0) }, warn: OutputOptions.warn, report: { send($0) })
        let files = PosixFileSystem()
        for product in products.files {
            do { try files.create("\(out)/\(product.name)", product.bytes, mode: 0o644) } catch {
                throw Failure(error, .badOutput)
            }
        }
        products.settle()
    }

    private func send(_ progress: EditProgress) {
        let record = WorkerProgress(
            stage: progress.stage.rawValue, step: progress.step, total: progress.total,
            restored: progress.isRestored)
        StandardStream.output.write(record.oneLine + "\n")
    }

    private func send(_ forecast: EditPace.Forecast) {
        let record = WorkerProgress(
            stage: EditProgress.Stage.fineTuning.rawValue, step: 0, total: nil, restored: nil,
            forecast: forecast.seconds)
        StandardStream.output.write(record.oneLine + "\n")
    }

    private func send(_ failure: Failure) {
        StandardStream.output.write(WorkerFailure(failure).oneLine + "\n")
    }
}
