import Foundation
import JobFiles
import SpecParser

/// Why a file is, or is not, being processed: `clipdragd explain`.
public enum Explanation {
    /// One sentence about a file.
    public static func of(
        _ path: String, configuration: Configuration,
        isComplete: @escaping @Sendable ([UInt8]) -> PictureCompleteness
    ) -> String {
        PathCoding.shown(sentence(path, configuration: configuration, isComplete: isComplete))
    }

    private static func sentence(
        _ path: String, configuration: Configuration,
        isComplete: @escaping @Sendable ([UInt8]) -> PictureCompleteness
    ) -> String {
        let files = PosixFileSystem()
        let (folder, name) = (parent(path), PathCoding.text(PathCoding.bytes(lastComponent(path))))
        guard let inbox = configuration.inboxes.first(where: { $0.path == folder }) else {
            return "\(folder) is no inbox; sub-folders of inboxes are not looked into."
        }
        guard let status = (try? files.status(path)) ?? nil else {
            return "\(name) is not there: it was never dropped, or was claimed. See `clipdragd list`."
        }
        if status.kind == .directory { return "\(name) is a folder; folders are never touched." }
        if status.kind == .symbolicLink {
            return "\(name) is a symbolic link; links are not followed. Drop the file itself."
        }
        if InboxNames.isIgnored(name) {
            return "\(name) is never touched: dot files and writers' temporary names are left alone."
        }
        guard InboxNames.isPicture(name) || InboxNames.isSpec(name) else {
            return "\(name) is neither a spec (.yaml .yml .json) nor a picture (.png .jpg .jpeg)."
        }
        var scanner = InboxScanner(inbox, quiet: configuration.limits.quiet, isComplete: isComplete)
        guard let found = try? scanner.scan(files, now: Date().timeIntervalSince1970) else {
            return "\(folder) cannot be read."
        }
        let isMeant = { (pair: Pair) in
            pair.spec == name || pair.image == name || pair.ambiguous.contains(name)
        }
        if let pair = found.pairs.first(where: isMeant) {
            guard pair.ambiguous.isEmpty else {
                let failure = JobFailure(ambiguous: pair.spec, among: pair.ambiguous)
                return "\(pair.spec) will fail: \(failure.message). \(failure.hint)"
            }
            return
                "\(name) is ready: the job `\(stem(pair.spec))` is claimed at the daemon's next look. If not, no daemon watches \(folder), or it is paused."
        }
        if found.settling.contains(name) { return "\(name) is still changing, or is not complete yet." }
        if found.waiting[name] != nil {
            return InboxNames.isSpec(name)
                ? "\(name) waits for a file that it names, or for a picture of the same stem."
                : "\(name) waits for a spec: \(stem(name)).yaml, or one that names it with `image:`."
        }
        return "\(name) is named by a spec that is not ready yet."
    }
}
