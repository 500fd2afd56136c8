import DurableFiles
import Failures
import Foundation
import JobFiles
import JSON
import ServiceConfiguration
import SpecParser
import YAMLDocuments

/// Why a file is, or is not, being processed: `clipdragd explain`. There is an answer for every state that a file can be in.
public struct Explanation: Sendable {
    /// The state of a file, for programs.
    public enum State: String, Codable, Sendable {
        /// The daemon never touches it.
        case ignored
        /// It does not exist, and no job is known that had it.
        case absent
        /// It is being written, or is not whole.
        case settling
        /// It waits for its counterpart.
        case orphan
        /// The next scan claims it.
        case ready
        /// It belongs to a job that has not ended.
        case waiting, running, held, publishing
        /// It belongs to a job that has ended.
        case published, failed
    }

    /// What it is.
    public let state: State
    /// A sentence about it.
    public let text: String

    private init(_ state: State, _ text: String) {
        self.state = state
        self.text = PathCoding.onOneLine(text)
    }

    /// Explains a file from the configuration, the folders and the daemon's state folder.
    public static func of(
        _ path: String, configuration: Configuration, daemon: StateReader,
        isComplete: @escaping @Sendable ([UInt8]) -> PictureCompleteness
    ) -> Explanation {
        let path = PathCoding.path(PathCoding.bytes(path))
        return Explainer(
            path: path, folder: parent(path), name: lastComponent(path),
            configuration: configuration.listed, daemon: daemon, isComplete: isComplete
        ).answer
    }

    private struct Explainer {
        let path, folder, name: String
        let configuration: Configuration
        let daemon: StateReader
        let isComplete: @Sendable ([UInt8]) -> PictureCompleteness
        let files = PosixFileSystem()

        var answer: Explanation {
            guard let inbox = configuration.inboxes.first(where: { $0.path == folder }) else {
                return putAway ?? Explanation(.ignored, elsewhere)
            }
            guard (try? files.status(folder))?.kind == .directory else {
                return Explanation(.absent, "The inbox \(folder) is not there: is its disk mounted?")
            }
            guard let status = try? files.status(path) else {
                return underWay ?? ended(ofInbox: folder)
                    ?? Explanation(.absent, "\(name) is not there, and no job of that name is known.")
            }
            return untouchable(status.kind) ?? inInbox(inbox)
        }

        private var elsewhere: String {
            configuration.inboxes.isEmpty
                ? "No inbox is known: give the daemon's --config or --state, or --inbox."
                : "\(folder) is no inbox; the daemon does not scan sub-folders of inboxes."
        }

        private func untouchable(_ kind: FileStatus.Kind) -> Explanation? {
            let why: String? =
                switch kind {
                case .directory: "is a folder; folders are never touched."
                case .symbolicLink: "is a symbolic link; links are not followed. Drop the file itself."
                default:
                    if InboxNames.isIgnored(name) {
                        "is never touched: dot files, writers' temporary names and a failed job's report are left alone."
                    } else if InboxNames.isHiddenSpec(name) {
                        "is no spec: it ends in .\(fileExtension(name)), which some systems do not show. Rename it to \(stem(name))."
                    } else if !InboxNames.isPicture(name) && !InboxNames.isSpec(name) {
                        "is neither a spec (.yaml .yml .json) nor a picture (.png .jpg .jpeg .jpe .jfif)."
                    } else {
                        nil
                    }
                }
            return why.map { Explanation(.ignored, "\(name) \($0)") }
        }

        /// A file that lies in an inbox.
        private func inInbox(_ inbox: Configuration.Inbox) -> Explanation {
            var scanner = InboxScanner(inbox, quiet: configuration.limits.quiet, isComplete: isComplete)
            guard let found = try? scanner.scan(files, now: Date().timeIntervalSince1970) else {
                return Explanation(.absent, "\(folder) cannot be read by you.")
            }
            let pair = found.pairs.first {
                $0.spec == name || $0.image == name || $0.ambiguous.contains(name)
            }
            if let pair {
                guard pair.ambiguous.isEmpty else {
                    let failure = Failure(ambiguous: pair.spec, among: pair.ambiguous)
                    return Explanation(
                        .ready, "\(pair.spec) will fail: \(failure.sentences)")
                }
                return Explanation(
                    .ready,
                    "\(name) is ready: the job `\(stem(pair.spec))` is claimed at the daemon's next scan.\(silence)"
                )
            }
            if let control = found.downloads[name] {
                return Explanation(
                    .settling,
                    "\(name) waits: a downloader's control file, \(control), lies beside it. Remove that if nothing downloads any more."
                )
            }
            if found.placeholders.contains(name) {
                return Explanation(
                    .settling, "\(name) is empty: it waits until something is written into it.")
            }
            if found.settling.contains(name) {
                return Explanation(.settling, "\(name) is still changing, or is not complete yet.")
            }
            // A job's picture stays in the inbox until the job is published.
            if InboxNames.isPicture(name), let underWay { return underWay }
            if let refusal = found.unreadable[name] {
                let error = FileError(.open, path, refusal)
                return Explanation(
                    .settling, "\(name) waits, as the daemon cannot read it: \(error.reason). \(error.remedy)"
                )
            }
            if found.waiting[name] != nil {
                return Explanation(
                    .orphan,
                    InboxNames.isSpec(name)
                        ? "\(name) waits for a file that it names, or for a picture of the same stem.\(lookalike(found))\(putAwayPictures)\(lookalikes)"
                        : "\(name) waits for a spec: \(stem(name)).yaml, or one that names it with `image:`.\(lookalike(found))\(lastFailure)"
                )
            }
            return Explanation(
                .settling,
                InboxNames.isSpec(name)
                    ? "\(name) waits for a file that it names, which is not complete yet."
                    : "\(name) is named by a spec that is not ready yet.")
        }

        /// A file that its author may take for the one that is missing.
        private func lookalike(_ found: InboxScanner.Findings) -> String {
            found.lookalikes[name].map { " \($0.sentence(in: folder))." } ?? ""
        }

        /// Where the pictures lie that a spec means, if the daemon has put them away: an earlier job had them.
        private var putAwayPictures: String {
            let bytes = (try? files.read(path)) ?? []
            let spec = (try? parseSpec(bytes, file: name))?.spec
            let named = spec?.image.map { [PathCoding.text(of: $0.value)] }
            let places = [
                configuration.archiveFolder(of: folder), configuration.failedFolder(of: folder),
            ]
            for place in places {
                let pictures = self.pictures(below: place)
                let wanted = named ?? PictureIndex(pictures.map(lastComponent)).candidates(for: name)
                guard let found = pictures.first(where: { wanted.contains(lastComponent($0)) }) else {
                    continue
                }
                return
                    " A picture of that name lies in \(found): an earlier job had it. Copy it back to run this spec on it."
            }
            return ""
        }

        /// Paths of the pictures in a folder and in its folders.
        private func pictures(below place: String) -> [String] {
            let entries = (try? files.list(place)) ?? []
            let folders = entries.filter { $0.kind == .directory }.map { "\(place)/\($0.name)" }
            return ([place] + folders).flatMap { folder in
                ((try? files.list(folder)) ?? []).filter { $0.kind == .file && InboxNames.isPicture($0.name) }
                    .map { "\(folder)/\($0.name)" }
            }
        }

        /// Why a picture's last job failed, if it lies here since then.
        private var lastFailure: String {
            guard let record = lastEnd(where: { $0.image == name && $0.inbox == folder }),
                record.state == .failed, let report = report(of: record)
            else { return "" }
            return
                " The job `\(record.name)`, which had it, failed: \(Self.sentences(report)) See \(record.folder ?? "")."
        }

        /// What has a spec's stem and is no picture.
        private var lookalikes: String {
            FilesBeside.sentences(about: name, in: folder, files).map { " \($0)." }.joined()
        }

        private var silence: String {
            daemon.isAlive ? "" : " But no daemon runs with the state folder \(daemon.folder)."
        }

        /// Explains a file that a job has claimed.
        private var underWay: Explanation? {
            let claims = (try? files.list(InboxLayout(folder).claims)) ?? []
            for claim in claims where claim.kind == .directory {
                let record = try? files.read(Job.record(in: InboxLayout(folder).claim(claim.name)))
                if let job = record.flatMap({ Job($0, inbox: folder) }),
                    job.spec == name || job.inputs.contains(name)
                {
                    return explain(job)
                }
            }
            return nil
        }

        private func explain(_ job: Job) -> Explanation {
            let start = "\(name) belongs to the job `\(job.name)`, \(job.id), which "
            switch job.state {
            case .held:
                return Explanation(.held, start + "is held; `clipdragd release \(job.id)` lets it start.")
            case .publishing:
                return Explanation(.publishing, start + "is complete and being published." + silence)
            case .waiting, .running: break
            }
            if daemon.isAlive, let running = daemon.running(job.id) {
                let stage = running.stage.map {
                    ": \($0), step \(running.step ?? 0) of \(running.total ?? 0)"
                }
                return Explanation(.running, start + "is being edited\(stage ?? "").")
            }
            let queue = daemon.status?.waiting ?? []
            let place = queue.firstIndex { $0.id == job.id }.map {
                ", as number \($0 + 1) of \(queue.count)"
            }
            let crashes = job.crashes == 0 ? "" : "; \(job.crashes) of its runs have crashed"
            let why = daemon.obstacle.map { " The daemon starts nothing now: \($0)." }
            return Explanation(
                .waiting,
                start + "waits for its turn\(place ?? "")\(crashes).\(daemon.isAlive ? why ?? "" : silence)")
        }

        /// Explains a file of a job that has ended, from the newest record that names it.
        private func ended(ofInbox inbox: String? = nil, where isMeant: ((EndedJob) -> Bool)? = nil)
            -> Explanation?
        {
            lastEnd {
                (isMeant?($0) ?? [$0.spec, $0.image].contains(name)) && (inbox == nil || $0.inbox == inbox)
            }.map(explain)
        }

        /// The newest record of which something holds.
        private func lastEnd(where isMeant: (EndedJob) -> Bool) -> EndedJob? {
            daemon.ended.reversed().lazy.compactMap { daemon.record($0) }.first(where: isMeant)
        }

        private static func sentences(_ report: ErrorReport) -> String {
            let isEnded = report.message.last.map { ".?!".contains($0) } ?? true
            return "\(report.message)\(isEnded ? "" : ".") \(report.hint)"
        }

        private func report(of record: EndedJob) -> ErrorReport? {
            record.folder.flatMap { try? files.read("\($0)/\(ErrorReport.fileName)") }.flatMap {
                try? ErrorReport(reading: $0)
            }
        }

        private func explain(_ record: EndedJob) -> Explanation {
            let start = "\(name) belongs to the job `\(record.name)`, \(record.id), which "
            if let published = record.publishedAs {
                let outbox = configuration.outbox.map { "\($0)/" } ?? ""
                return Explanation(.published, start + "was published as \(outbox)\(published).")
            }
            let folder = record.folder ?? ""
            let code = record.code ?? ""
            guard let error = report(of: record) else {
                return Explanation(.failed, start + "failed (\(code)); \(folder) has gone since.")
            }
            let retry =
                record.kind?.hintsAtRequeue == true ? "" : "; `clipdragd requeue \(record.id)` runs it again"
            return Explanation(
                .failed,
                start
                    + "failed: \(Self.sentences(error)) It lies in \(folder)\(retry)."
            )
        }

        /// Explains a file in the outbox, below `failed` or in an archive.
        private var putAway: Explanation? {
            if let outbox = configuration.outbox, let name = first(below: outbox) {
                return ended { $0.publishedAs == name }
            }
            for inbox in configuration.inboxes {
                let failed = configuration.failedFolder(of: inbox.path)
                if let name = first(below: failed) {
                    return ended { $0.folder == "\(failed)/\(name)" }
                }
                for archive in [
                    configuration.archiveFolder(of: inbox.path), InboxLayout(inbox.path).done,
                ]
                where folder == archive {
                    return ended(ofInbox: inbox.path)
                }
            }
            return nil
        }

        /// The first part of the path below a folder.
        private func first(below folder: String) -> String? {
            guard path.hasPrefix("\(folder)/") else { return nil }
            return path.dropFirst(folder.count + 1).split(separator: "/").first.map(String.init)
        }
    }
}

extension Configuration {
    /// The same, with its folders' paths in the form that listings give names, for comparison with them.
    fileprivate var listed: Configuration {
        func listed(_ path: String) -> String { PathCoding.path(PathCoding.bytes(path)) }
        var copy = self
        for i in copy.inboxes.indices { copy.inboxes[i].path = listed(inboxes[i].path) }
        (copy.outbox, copy.archive, copy.failed) = (
            outbox.map(listed), archive.map(listed), failed.map(listed)
        )
        return copy
    }
}
