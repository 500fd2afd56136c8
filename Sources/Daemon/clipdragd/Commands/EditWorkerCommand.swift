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
        let runsPrograms = configuration.captions.contains { if case .command = $0 { true } else { false } }
        var files = [parent(spec), places.stateFolder, "\(parent(folder))/vocabulary.txt"]
        if let configured = places.configurationFiles {
            // Each piece too: it may be a link out of the folder.
            files += [configured.main, configured.folder] + (try configured.pieces())
        }
        return Sandbox(
            readable: files + (try ModelStore.places(of: folder)),
            writable: [out], runsPrograms: runsPrograms)
    }

    private func edit() throws {
        let configuration = try places.configuration()
        let options = JobOptions(configuration)
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
            announce: { _ in }, warn: OutputOptions.warn, report: { send($0) })
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

    private func send(_ failure: Failure) {
        StandardStream.output.write(WorkerFailure(failure).oneLine + "\n")
    }
}
