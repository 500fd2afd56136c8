import JobFiles
import SpecParser

/// Finds what is ready in an inbox. A file is ready when it has not changed for the quiet time *and* its content is
/// whole: a picture up to its end marker, a spec that parses. Time alone would start jobs on files of writers that pause.
///
/// A value without a clock of its own: the time is an argument.
struct InboxScanner: Sendable {
    /// Asks whether a picture's bytes are all there.
    typealias CompletenessCheck = @Sendable ([UInt8]) -> PictureCompleteness

    /// What one look at an inbox found.
    struct Findings: Sendable, Equatable {
        /// Ready pairs, and specs that are ready to fail.
        var pairs: [Pair] = []
        /// Halves that wait for their other half, and since when.
        var waiting: [String: Double] = [:]
        /// Files that are still being written.
        var settling: [String] = []
        /// Pictures and masks that specs in the inbox name, by spec.
        var named: [String: Set<String>] = [:]
        /// Pictures and masks that some spec in the inbox names.
        var needed: Set<String> { named.values.reduce(into: []) { $0.formUnion($1) } }
        /// Names that are no UTF-8 and cannot be taken.
        var unreadableNames = 0
        /// The earliest time at which something may have become ready.
        var lookAgain: Double?
    }

    private struct Seen: Sendable {
        var size: Int
        var modified: Double
        var inode: UInt64
        var since: Double
        var completeness: PictureCompleteness?
        var spec: Result<ParsedSpec, SpecError>?
        /// Some process has it open for writing.
        var isOpen = false
    }

    private enum Readiness { case ready, settling(until: Double) }

    let inbox: Configuration.Inbox
    private let quiet: Double
    private let isComplete: CompletenessCheck
    private var seen: [String: Seen] = [:]

    init(_ inbox: Configuration.Inbox, quiet: Double, isComplete: @escaping CompletenessCheck) {
        self.inbox = inbox
        self.quiet = quiet
        self.isComplete = isComplete
    }

    /// Looks at the inbox at a time, in seconds since 1970.
    mutating func scan(_ files: some FileSystem, now: Double) throws(FileError) -> Findings {
        var findings = Findings()
        let (entries, unreadable) = try files.list(inbox.path)
        findings.unreadableNames = unreadable
        // A symbolic link could lead out of the inbox: none is followed.
        let names = entries.filter { $0.kind == .file }.map(\.name)
        let pictures = names.filter(InboxNames.isPicture)
        let specs = names.filter(InboxNames.isSpec)
        let known = Set(names)
        seen = seen.filter { known.contains($0.key) }
        var unsettled: [String: Set<String>] = [:]
        for name in specs {
            guard let file = try look(name, files, now) else { continue }
            guard case .ready = specReadiness(file, now) else {
                settle(name, file, now, &findings)
                unsettled[name] = Set(picturesNamed(by: name, pictures, files))
                continue
            }
            guard case .success(let parsed)? = file.spec else {
                let image = pictures.first { stem($0).lowercased() == stem(name).lowercased() }
                findings.pairs.append(pair(name, image, [], file, specPriority: 0))
                continue
            }
            try addPair(name, parsed.spec, file, pictures, known, files, now, &findings)
        }
        let needed = findings.needed
        for picture in pictures where !needed.contains(picture) {
            if let file = try look(picture, files, now) { findings.waiting[picture] = file.modified }
        }
        findings.named.merge(unsettled) { $0.union($1) }
        return findings
    }

    /// Pictures that a spec names which may still be written: another job must not take them away meanwhile.
    private func picturesNamed(by name: String, _ pictures: [String], _ files: some FileSystem) -> [String] {
        let bytes = (try? files.read("\(inbox.path)/\(name)")) ?? []
        let spec = (try? parseSpec(bytes, file: name))?.spec
        if let spec, let image = spec.image?.value {
            return [image] + spec.references.map(\.value)
        }
        return pictures.filter { stem($0).lowercased() == stem(name).lowercased() }
    }

    private mutating func addPair(
        _ name: String, _ spec: EditSpec, _ file: Seen, _ pictures: [String], _ known: Set<String>,
        _ files: some FileSystem,
        _ now: Double, _ findings: inout Findings
    ) throws(FileError) {
        let image = spec.image?.value ?? pictures.first { stem($0).lowercased() == stem(name).lowercased() }
        let others = spec.references.map(\.value).filter { $0 != image }
        findings.named[name] = Set(others + [image].compactMap { $0 })
        guard let image else {
            findings.waiting[name] = file.modified
            return
        }
        for needed in [image] + others {
            // A name with a slash lies in a sub-folder or outside: the job itself will say what is wrong with it.
            guard !needed.contains("/") else { continue }
            guard known.contains(needed) else {
                findings.waiting[name] = file.modified
                return
            }
            guard let picture = try look(needed, files, now) else { return }
            guard case .ready = pictureReadiness(picture, now) else {
                settle(needed, picture, now, &findings)
                return
            }
        }
        findings.pairs.append(pair(name, image, others, file, specPriority: spec.priority))
    }

    private func pair(_ spec: String, _ image: String?, _ others: [String], _ file: Seen, specPriority: Int)
        -> Pair
    {
        Pair(
            inbox: inbox.path, spec: spec, image: image, others: others,
            priority: specPriority + inbox.priority,
            dropped: file.modified)
    }

    private func settle(_ name: String, _ file: Seen, _ now: Double, _ findings: inout Findings) {
        findings.settling.append(name)
        let next = file.isOpen ? now + quiet : max(min(file.modified, now) + quiet, now + 0.05)
        findings.lookAgain = min(findings.lookAgain ?? next, next)
    }

    /// What is known of a file, renewed when it has changed.
    private mutating func look(_ name: String, _ files: some FileSystem, _ now: Double) throws(FileError)
        -> Seen?
    {
        guard let status = try files.status("\(inbox.path)/\(name)") else { return nil }
        var file = seen[name]
        if file?.size != status.size || file?.modified != status.modified || file?.inode != status.inode {
            file = Seen(size: status.size, modified: status.modified, inode: status.inode, since: now)
        }
        guard var file else { return nil }
        // One that is held open but has not changed for long is done: some programs never close.
        let isOpen = isQuiet(file, now) && files.isBeingWritten("\(inbox.path)/\(name)")
        file.isOpen = isOpen && now - file.since < 30 * quiet
        if file.isOpen {
            // What was read before may change without the file's time telling.
            file.completeness = nil
            file.spec = nil
        } else if isQuiet(file, now) && file.completeness == nil && file.spec == nil {
            let bytes = try files.read("\(inbox.path)/\(name)")
            if InboxNames.isSpec(name) {
                do { file.spec = .success(try parseSpec(bytes, file: name)) } catch {
                    file.spec = .failure(error)
                }
            } else {
                file.completeness = isComplete(bytes)
            }
        }
        seen[name] = file
        return file
    }

    /// Unchanged for the quiet time, by the file's clock or, where that runs ahead of ours, by what was seen.
    private func isQuiet(_ file: Seen, _ now: Double) -> Bool {
        (file.modified <= now && now - file.modified >= quiet) || now - file.since >= quiet
    }

    /// A spec that does not parse may be half written: it is given three times the quiet time.
    private func specReadiness(_ file: Seen, _ now: Double) -> Readiness {
        guard isQuiet(file, now), let spec = file.spec else { return .settling(until: file.modified + quiet) }
        if case .failure = spec, now - file.modified < 3 * quiet, now - file.since < 3 * quiet {
            return .settling(until: file.modified + 3 * quiet)
        }
        return .ready
    }

    /// A picture without its end is given thirty times the quiet time, then it is a damaged one.
    private func pictureReadiness(_ file: Seen, _ now: Double) -> Readiness {
        guard isQuiet(file, now), file.completeness != nil else {
            return .settling(until: file.modified + quiet)
        }
        if file.completeness == .incomplete, now - file.since < 30 * quiet, now - file.modified < 30 * quiet {
            return .settling(until: now + quiet)
        }
        return .ready
    }
}

/// Whether a picture's bytes are all there.
public enum PictureCompleteness: Sendable {
    /// It has its end marker.
    case complete
    /// More has to come.
    case incomplete
    /// It is no picture.
    case notAnImage
}
