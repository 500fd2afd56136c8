import DurableFiles
import Foundation
import JobFiles
import ServiceConfiguration
import SpecParser
import SystemPackage
import YAMLDocuments

/// Finds ready files in an inbox. A file is ready when its writer has finished, by time or by events, *and* its content is
/// complete: a picture up to its end marker, a spec that parses. See `SettlingFile`.
///
/// The scanner is a value without a clock of its own: the time is an argument.
struct InboxScanner: Sendable {
    /// Checks whether all of a picture's bytes are there.
    typealias CompletenessCheck = @Sendable ([UInt8]) -> PictureCompleteness

    /// The result of one scan of an inbox.
    struct Findings: Sendable, Equatable {
        /// Ready pairs, and specs whose job will fail.
        var pairs: [Pair] = []
        /// Specs and pictures that wait for their counterpart, and since when.
        var waiting: [String: Double] = [:]
        /// Those of them that have a file beside them which their author may take for the counterpart.
        var lookalikes: [String: Lookalike] = [:]
        /// Files whose writers have not finished.
        var settling: [String] = []
        /// Files that wait because they cannot be read, with the errno.
        var unreadable: [String: Errno] = [:]
        /// Unfinished downloads, with the downloader's control file beside each.
        var downloads: [String: String] = [:]
        /// Specs that wait because they are empty.
        var placeholders: Set<String> = []
        /// Pictures and masks that specs in the inbox name.
        var named = NamedInputs()
        /// The earliest time at which something may have become ready.
        var lookAgain: Double?
    }

    /// A file that its author may take for a missing counterpart.
    struct Lookalike: Sendable, Equatable {
        /// Its name, and the name that is meant.
        let file, wanted: String

        /// The mistake and its remedy.
        func sentence(in inbox: String) -> String {
            let (there, meant) = (PathCoding.shown(file), PathCoding.shown(wanted))
            func word(_ name: String) -> String {
                "'\("\(inbox)/\(name)".replacingOccurrences(of: "'", with: "'\\''"))'"
            }
            let ending = fileExtension(there)
            let difference =
                if InboxNames.hidingEndings.contains(ending), stem(there).utf8.elementsEqual(meant.utf8) {
                    "it ends in .\(ending), which some systems do not show"
                } else if there.lowercased().utf8.elementsEqual(meant.lowercased().utf8) {
                    "its name differs only in capitals"
                } else {
                    "its name differs only in Unicode composition (a letter with a mark is one character or two)"
                }
            return "\(there) lies beside it, and \(difference). Rename it: mv \(word(there)) \(word(meant))"
        }
    }

    /// The files of one scan.
    private struct Names {
        var pictures: [String]
        var index: PictureIndex
        var known: Set<String>
    }

    let inbox: Configuration.Inbox
    /// Seconds without a change after which the scanner examines a file.
    var quiet: Double
    private let isComplete: CompletenessCheck
    private var seen: [String: SettlingFile] = [:]
    private var arrivals: [String: Arrival] = [:]
    private var ownMoves: Set<String> = []
    /// The system's time at this scan. Files' times are by the system's clock.
    private var clock = 0.0
    /// Files whose writers have marked them as complete.
    private var markers: Set<String> = []
    /// Control files of downloaders, by the file to which each belongs.
    private var downloads: [String: String] = [:]

    init(_ inbox: Configuration.Inbox, quiet: Double, isComplete: @escaping CompletenessCheck) {
        self.inbox = inbox
        self.quiet = quiet
        self.isComplete = isComplete
    }

    /// Notes the events since the last scan; for each name, the last one.
    mutating func note(_ news: [String: Arrival]) {
        for (name, arrival) in news where !(arrival == .moved && ownMoves.remove(name) != nil) {
            arrivals[name] = arrival
        }
    }

    /// Notes that the daemon itself moved a file back, which does not show that the writer has finished.
    mutating func movedBack(_ name: String) {
        ownMoves.insert(name)
        seen[name] = nil
    }

    /// Scans the inbox at a time, in seconds since 1970.
    mutating func scan(_ files: some FileSystem, now: Double, clock: Double? = nil) throws(FileError)
        -> Findings
    {
        self.clock = clock ?? now
        var findings = Findings()
        // A symbolic link could lead out of the inbox, so the scanner follows none.
        let all = try files.list(inbox.path).filter { $0.kind == .file }.map(\.name)
        markers = Set(all.filter(InboxNames.isMarker))
        let controls = all.compactMap { name in InboxNames.fileOfDownload(name).map { ($0, name) } }
        downloads = Dictionary(controls, uniquingKeysWith: { first, _ in first })
        let pictures = all.filter(InboxNames.isPicture)
        let names = Names(pictures: pictures, index: PictureIndex(pictures), known: Set(all))
        seen = seen.filter { names.known.contains($0.key) }
        var unsettled: [String: [String]] = [:]
        for name in all where InboxNames.isSpec(name) {
            guard let file = try examine(name, files, now) else { continue }
            guard isReady(name, file, now) else {
                settle(name, file, now, &findings)
                unsettled[name] = picturesNamed(by: name, names, files)
                continue
            }
            guard case .parsed(let parsed)? = file.spec else {
                findings.pairs.append(
                    pair(name, file, image: names.index.candidates(for: name).first, others: []))
                continue
            }
            try addPair(name, parsed.spec, file, names, files, now, &findings)
        }
        let hidden = Dictionary(
            all.filter(InboxNames.isHiddenSpec).map { (stem(stem($0)), $0) },
            uniquingKeysWith: { first, _ in first })
        for picture in pictures where !findings.named.contains(picture) {
            if let file = try look(picture, files, now) { findings.waiting[picture] = file.stamp.modified }
            findings.lookalikes[picture] = hidden[stem(picture)].map { Lookalike(file: $0, wanted: stem($0)) }
        }
        for (spec, names) in unsettled {
            findings.named.add(names, of: spec)
            for name in names where InboxNames.isPicture(name) { findings.waiting[name] = nil }
        }
        arrivals = arrivals.filter { names.known.contains($0.key) }
        for i in findings.pairs.indices where !markers.isEmpty {
            let pair = findings.pairs[i]
            findings.pairs[i].markers = Set(pair.stamps.keys.flatMap(InboxNames.markers)).intersection(
                markers
            )
            .sorted()
        }
        return findings
    }

    /// Pictures that an unfinished spec names. No other job may take them away meanwhile.
    private func picturesNamed(by name: String, _ names: Names, _ files: some FileSystem) -> [String] {
        let bytes = (try? files.read("\(inbox.path)/\(name)")) ?? []
        let spec = (try? parseSpec(bytes, file: name))?.spec
        if let spec, let image = spec.image?.value {
            return ([image] + spec.references.map(\.value)).map { PathCoding.text(of: $0) }
        }
        return names.index.candidates(for: name)
    }

    private mutating func addPair(
        _ name: String, _ spec: EditSpec, _ file: SettlingFile, _ names: Names, _ files: some FileSystem,
        _ now: Double, _ findings: inout Findings
    ) throws(FileError) {
        let candidates =
            spec.image.map { [PathCoding.text(of: $0.value)] } ?? names.index.candidates(for: name)
        let others = spec.references.map { PathCoding.text(of: $0.value) }.filter { !candidates.contains($0) }
        findings.named.add(others + candidates, of: name)
        guard let image = candidates.first else {
            findings.waiting[name] = file.stamp.modified
            findings.lookalikes[name] = names.index.lookalike(ofStem: stem(name)).map {
                Lookalike(file: $0, wanted: "\(stem(name)).\(fileExtension($0))")
            }
            return
        }
        var found = pair(name, file, image: image, others: others, specPriority: spec.priority)
        guard candidates.count == 1 else {
            (found.image, found.others, found.ambiguous) = (nil, [], candidates)
            findings.pairs.append(found)
            return
        }
        for needed in [image] + others {
            guard InboxNames.isInput(needed) else { continue }
            guard names.known.contains(needed) else {
                findings.waiting[name] = file.stamp.modified
                findings.lookalikes[name] = names.index.lookalike(of: needed).map {
                    Lookalike(file: $0, wanted: needed)
                }
                return
            }
            guard let picture = try examine(needed, files, now) else { return }
            guard isReady(needed, picture, now) else {
                settle(needed, picture, now, &findings)
                return
            }
            found.stamps[needed] = picture.stamp
            found.since = max(found.since, picture.since)
            if picture.isHeldOpen { found.heldOpen.insert(needed) }
        }
        findings.pairs.append(found)
    }

    private func pair(
        _ spec: String, _ file: SettlingFile, image: String?, others: [String], specPriority: Int = 0
    ) -> Pair {
        Pair(
            inbox: inbox.path, spec: spec, image: image, others: others,
            priority: specPriority + inbox.priority, dropped: file.stamp.modified, stamps: [spec: file.stamp],
            since: file.since, heldOpen: file.isHeldOpen ? [spec] : [])
    }

    /// Whether a file can be claimed. A downloader may fill a file in any order, so that it looks complete long before it is.
    private func isReady(_ name: String, _ file: SettlingFile, _ now: Double) -> Bool {
        downloads[name] == nil && file.isReady(quiet: quiet, now: now)
    }

    private func settle(_ name: String, _ file: SettlingFile, _ now: Double, _ findings: inout Findings) {
        if let refusal = file.lastingRefusal(quiet: quiet, now: now) {
            findings.unreadable[name] = refusal
            findings.waiting[name] = file.stamp.modified
            return
        }
        if let control = downloads[name] {
            findings.downloads[name] = control
            // A downloader that has given up leaves its control file. The file then waits, and delays nothing else.
            if file.isLong(quiet: quiet, now: now) {
                findings.waiting[name] = file.stamp.modified
                return
            }
        }
        if file.isPlaceholder, file.isSpecOverdue(quiet: quiet, now: now) {
            findings.placeholders.insert(name)
            findings.waiting[name] = file.stamp.modified
            return
        }
        findings.settling.append(name)
        let next = file.next(quiet: quiet, now: now)
        findings.lookAgain = min(findings.lookAgain ?? next, next)
    }

    /// The state of a file; a new one when the file has changed.
    private mutating func look(_ name: String, _ files: some FileSystem, _ now: Double) throws(FileError)
        -> SettlingFile?
    {
        guard let status = try files.status("\(inbox.path)/\(name)") else { return nil }
        var file = seen[name] ?? SettlingFile(status, since: now, clock: clock)
        if file.stamp != FileStamp(status) { file = SettlingFile(status, since: now, clock: clock) }
        if let arrival = arrivals.removeValue(forKey: name) { file.arrived(arrival) }
        if !markers.isEmpty, InboxNames.markers(of: name).contains(where: markers.contains) { file.marked() }
        seen[name] = file
        return file
    }

    /// The same, and it examines the content if this may be complete.
    private mutating func examine(_ name: String, _ files: some FileSystem, _ now: Double) throws(FileError)
        -> SettlingFile?
    {
        guard var file = try look(name, files, now) else { return nil }
        try file.examine(
            "\(inbox.path)/\(name)", isSpec: InboxNames.isSpec(name), quiet: quiet, now: now, files,
            isComplete)
        seen[name] = file
        return file
    }
}

/// The files that the specs of an inbox name. A query does not take time in proportion to their number.
struct NamedInputs: Sendable, Equatable {
    private var bySpec: [String: Set<String>] = [:]
    private var counts: [String: Int] = [:]

    /// Adds the files that a spec names.
    mutating func add(_ names: [String], of spec: String) {
        for name in names where bySpec[spec, default: []].insert(name).inserted {
            counts[name, default: 0] += 1
        }
    }

    /// Removes the files of a spec that has gone.
    mutating func remove(of spec: String) {
        for name in bySpec.removeValue(forKey: spec) ?? [] {
            counts[name] = (counts[name] ?? 0) > 1 ? (counts[name] ?? 0) - 1 : nil
        }
    }

    /// Whether any spec names it.
    func contains(_ name: String) -> Bool { counts[name] != nil }
}

/// Whether all of a picture's bytes are there.
public enum PictureCompleteness: Sendable {
    /// It has its end marker.
    case complete
    /// It has its end marker, and checksums prove all bytes before it.
    case sealed
    /// Bytes are missing.
    case incomplete
    /// It is no picture.
    case notAnImage
}
