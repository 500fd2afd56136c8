import ArgumentParser
import DragEditing
import DurableFiles
import EditJobs
import Failures
import Foundation
import Galleries
import Imaging
import JobFiles
import JSON
import ModelManagement
import ServiceConfiguration
import Settings

/// `clipdragd report`: report.html of a result folder that has none, or a new one.
struct ReportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Make the page about one edit, report.html, in its result folder.")

    @Argument(help: "The result folder.", completion: .directory)
    var folder: String

    @Option(
        help: ArgumentHelp(
            "The picture that was edited (default: looked for in the archives of the configuration's inboxes).",
            valueName: "IMAGE"), completion: Completions.picture)
    var image: String?

    @Option(
        help: ArgumentHelp("The file to write (default: report.html in the folder).", valueName: "FILE"),
        completion: .file(extensions: ["html"]))
    var out: String?

    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            let configuration = try places.configuration()
            let files = PosixFileSystem()
            let place = absolutePath(folder)
            let trajectory = try trajectory(place, files)
            let result = try picture("\(place)/\(trajectory.files["result"] ?? "result.png")", files)
            let sourcePath = sourcePath(place, configuration)
            if image == nil && sourcePath == nil {
                OutputOptions.warn(
                    "the picture that was edited is not at hand: the report shows the result alone (--image names it)"
                )
            }
            let source = try sourcePath.map { path throws(Failure) in try picture(path, files) }
            let size = Size(height: result.height, width: result.width)
            guard source.map({ Size(height: $0.height, width: $0.width) == size }) ?? true else {
                throw Failure(
                    .badJob, code: "report.other_picture",
                    message: "the picture has another size than the result, \(size.width)×\(size.height)",
                    file: sourcePath, hint: "Give the picture that was edited.")
            }
            let spec = (try? files.read("\(place)/spec.yaml")) ?? []
            let report = try Report(
                trajectory, spec: String(decoding: spec, as: UTF8.self), source: source, edited: result,
                mask: source.flatMap { mask(trajectory, spec, $0, sourcePath ?? "") },
                recommended: recommended(trajectory.model.name), digests: trajectory.sha256.all)
            let path = out ?? "\(folder)/\(Report.fileName)"
            do throws(FileError) { try files.replace(path, Array(report.html.utf8), mode: 0o644) } catch {
                throw Failure(error, .badOutput)
            }
            print(
                output.json
                    ? ReportLine(report: PathCoding.shown(path)).oneLine : PathCoding.onOneLine(path))
        }
    }

    private func trajectory(_ place: String, _ files: PosixFileSystem) throws(Failure) -> Trajectory {
        let path = "\(place)/\(ResultRecord.fileName)"
        let bytes = try read(path, files)
        do { return try Trajectory(reading: bytes) } catch {
            throw Failure(
                .badJob, code: "report.trajectory", message: "this is no trajectory that this version reads",
                file: path, hint: "Give a result folder that this version of clipdragd has made.")
        }
    }

    private func read(_ path: String, _ files: PosixFileSystem) throws(Failure) -> [UInt8] {
        do { return try files.read(path) } catch {
            let isThere = (try? files.status(path)) ?? nil != nil
            throw Failure(error, isThere ? .badPlace : .missingInput)
        }
    }

    private func picture(_ path: String, _ files: PosixFileSystem) throws(Failure) -> Image {
        let bytes = try read(path, files)
        do { return try Image(decoding: bytes) } catch { throw error.inFile(path) }
    }

    private func sourcePath(_ place: String, _ configuration: Configuration) -> String? {
        if let image { return absolutePath(image) }
        let archives = configuration.inboxes.flatMap { inbox in
            [configuration.archive ?? InboxLayout(inbox.path).archive, inbox.path]
        }
        return EndedJobFolder(published: place, gallery: "/")?.sourcePath(nil, archives)
    }

    /// The mask of the spec, or the drags' surroundings; nil where there is none, or its file is not at hand.
    private func mask(_ trajectory: Trajectory, _ spec: [UInt8], _ source: Image, _ path: String) -> EditMask?
    {
        if let mask = JobPlan.mask(ofSpec: spec, picture: source, folder: parent(path)) { return mask }
        guard trajectory.settings.settings.autoMask, !trajectory.handles.isEmpty else { return nil }
        let drags = trajectory.handles.map {
            Drag(
                from: ImagePoint(x: $0.from.x, y: $0.from.y), to: ImagePoint(x: $0.to.x, y: $0.to.y))
        }
        return .around(drags, size: Size(height: source.height, width: source.width))
    }

    /// The model's own values; nil where the model is not here.
    private func recommended(_ model: String) -> [(name: String, value: SettingValue)]? {
        guard let folder = try? ModelStore(stateFolder: places.stateFolder).folder(of: model) else {
            return nil
        }
        return try? ModelStore.recommended(folder)
    }
}

/// The line of `report --json`.
private struct ReportLine: Record {
    static let schema = "clipdrag-report/1"
    /// The page's path.
    let report: String
}
