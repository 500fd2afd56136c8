import ArgumentParser
import DaemonCore
import DurableFiles
import Failures
import Galleries
import JobFiles
import JSON
import ServiceConfiguration

/// `clipdragd gallery`: a page over the jobs of an outbox, made anew.
struct GalleryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gallery", abstract: "Make a page over all published and failed jobs.")

    @Argument(help: "The outbox (default: the configuration's).", completion: .directory)
    var outbox: String?

    @Option(
        help: ArgumentHelp("The folder of the page: new, empty or a gallery.", valueName: "FOLDER"),
        completion: .directory)
    var out: String?

    @Option(
        help: ArgumentHelp(
            "An inbox: its failed jobs are shown, and the pictures of its archive; repeatable (default: the configuration's).",
            valueName: "DIR"), completion: .directory)
    var inbox: [String] = []

    @OptionGroup var places: PlaceOptions
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            var configuration = try places.configuration()
            if !inbox.isEmpty {
                configuration.inboxes = inbox.map { Configuration.Inbox(path: absolutePath($0)) }
            }
            guard let outbox = outbox.map({ absolutePath($0) }) ?? configuration.outbox,
                let out = out.map({ absolutePath($0) }) ?? configuration.gallery
            else {
                throw Failure(
                    .usage, code: "command.usage",
                    message:
                        "there is no \(outbox == nil && configuration.outbox == nil ? "outbox" : "folder for the gallery")",
                    hint: "Give OUTBOX and --out FOLDER, or a configuration with `outbox` and `gallery`.")
            }
            let files = PosixFileSystem()
            do {
                let kind = try files.status(PathCoding.resolved(outbox) ?? outbox)?.kind
                guard kind == .directory else {
                    throw Failure(
                        .missingInput, code: "file.missing",
                        message: "\(outbox) is \(kind == nil ? "not there" : "no folder")", file: outbox,
                        hint: "Give the folder in which results appear.")
                }
                let gallery = GalleryFolder(out, files)
                guard try gallery.isUsable() else {
                    throw Failure(
                        .badOutput, code: "out.not_empty", message: "\(out) is neither empty nor a gallery",
                        file: out, hint: "Give a new folder.")
                }
                let count = try build(gallery, outbox, configuration, files)
                print(
                    output.json
                        ? GalleryLine(gallery: PathCoding.shown("\(out)/index.html"), jobs: count).oneLine
                        : PathCoding.onOneLine("\(out)/index.html"))
            } catch let error as FileError { throw Failure(error, .badOutput) }
        }
    }

    /// - Returns: the number of jobs.
    private func build(
        _ gallery: GalleryFolder, _ outbox: String, _ configuration: Configuration, _ files: PosixFileSystem
    ) throws -> Int {
        var folders = try subfolders(of: outbox, files).compactMap {
            EndedJobFolder(published: $0, gallery: gallery.path, files)
        }
        for inbox in configuration.inboxes {
            let failed = configuration.failed ?? InboxLayout(inbox.path).failed
            folders += try subfolders(of: failed, files).compactMap {
                EndedJobFolder(failed: $0, gallery: gallery.path, files)
            }
        }
        folders.sort { ($0.entry.finished, $0.entry.id) < ($1.entry.finished, $1.entry.id) }
        let archives = configuration.inboxes.flatMap { inbox in
            [configuration.archive ?? InboxLayout(inbox.path).archive, inbox.path]
        }
        let byID = Dictionary(folders.map { ($0.entry.id, $0) }) { first, _ in first }
        try gallery.open()
        let lock = try gallery.lock()
        defer { withExtendedLifetime(lock) {} }
        try gallery.rebuild(folders.map(\.entry)) { entry in
            byID[entry.id]?.pictures(archives: archives) ?? GalleryPictures()
        }
        return folders.count
    }

    private func subfolders(of folder: String, _ files: PosixFileSystem) throws(FileError) -> [String] {
        guard try files.status(folder) != nil else { return [] }
        return try files.list(folder).filter { $0.kind == .directory && !$0.name.hasPrefix(".") }
            .map { "\(folder)/\($0.name)" }
    }
}

/// `clipdragd gallery-update`: adds the jobs that have ended. The daemon starts it; its failure costs no job.
struct GalleryUpdateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gallery-update", abstract: "Add jobs to the gallery (started by the daemon).",
        shouldDisplay: false)

    @Option var events: String
    @Option var out: String
    @Option var outbox: String
    @OptionGroup var output: OutputOptions

    func run() throws {
        try output.report {
            let files = PosixFileSystem()
            do {
                let gallery = GalleryFolder(out, files)
                guard try gallery.isUsable() else {
                    throw Failure(
                        .badOutput, code: "out.not_empty", message: "\(out) is neither empty nor a gallery",
                        file: out, hint: "Let `gallery` name a new folder.")
                }
                try gallery.open()
                let lock = try gallery.lock()
                defer { withExtendedLifetime(lock) {} }
                let pending = try files.list(events).map(\.name).filter { $0.hasSuffix(".json") }.sorted()
                let jobs = pending.map { name in
                    (name: name, job: try? EndedJob(reading: try files.read("\(events)/\(name)")))
                }
                // The pictures are strangers': from here on the process reads the jobs' folders and writes the gallery.
                let failed = jobs.compactMap(\.job?.folder)
                try Sandbox(readable: [outbox] + failed, writable: [events, out]).enter()
                for (name, job) in jobs { try add(job, name, gallery, files) }
            } catch let error as FileError { throw Failure(error, .badOutput) }
        }
    }

    private func add(_ job: EndedJob?, _ name: String, _ gallery: GalleryFolder, _ files: PosixFileSystem)
        throws(FileError)
    {
        let stem = "\(events)/\(DurableFiles.stem(name))"
        // The job failed after the sandbox had its list of folders: the next run shows it.
        if let folder = job?.folder, EndedJobFolder.isClosed(folder, files) { return }
        if let job, let folder = folder(of: job, gallery, files), folder.entry.id == job.id {
            // A picture that ends this process is left out the next time.
            let isSecondTry = try files.status("\(stem).begun") != nil
            if !isSecondTry { try files.replace("\(stem).begun", [], mode: 0o600) }
            let hasPicture = try files.status("\(stem).picture") != nil
            let pictures =
                isSecondTry
                ? GalleryPictures() : folder.pictures(source: hasPicture ? "\(stem).picture" : nil)
            try gallery.add(folder.entry, pictures)
        }
        for ending in ["begun", "picture", "json"] { try files.remove("\(stem).\(ending)") }
    }

    private func folder(of job: EndedJob, _ gallery: GalleryFolder, _ files: PosixFileSystem)
        -> EndedJobFolder?
    {
        if let name = job.publishedAs {
            return EndedJobFolder(
                published: "\(outbox)/\(name)", finished: job.finished, gallery: gallery.path, files)
        }
        return job.folder.flatMap {
            EndedJobFolder(failed: $0, finished: job.finished, gallery: gallery.path, files)
        }
    }
}

/// The line of `gallery --json`.
private struct GalleryLine: Record {
    static let schema = "clipdrag-gallery-made/1"
    /// The page's path.
    let gallery: String
    /// The jobs on it.
    let jobs: Int
}
