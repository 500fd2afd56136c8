import Digests
import DurableFiles
import ServiceConfiguration
import SpecParser
import SystemPackage

/// How a name came into an inbox, from inotify.
enum Arrival: Sendable {
    /// By rename: the writer used another name before, and has finished.
    case moved
    /// A writer closed it. More may come.
    case closed
}

/// A file of an inbox, and the signs that its writer has finished.
///
/// A file is settled when no process is known to have it open for writing *and* one of these holds:
/// - it has not changed for the quiet time;
/// - it came by rename, or a marker declares it complete;
/// - a writer has closed it, no process has it open for certain, and its content itself proves that it is complete
///   (`isSealed`).
///
/// Settled files are ready when their content is complete; see `isReady`.
struct SettlingFile: Sendable {
    /// After this many quiet times, a picture without its end counts as damaged, and an open file without changes counts as
    /// complete: some programs never close their files.
    private static let patience = 30.0
    /// After this many quiet times, a spec that does not parse counts as wrong. Before, it may be half written.
    private static let specPatience = 3.0
    /// The largest number of bytes that the daemon reads of a file, so that no file fills its memory. A spec has at most 1 MiB. The
    /// worker judges a picture that is larger than any within the configuration's limit of pixels.
    static let (specBytes, pictureBytes) = ((1 << 20) + 1, 1 << 30)

    /// The result of reading a spec. It is stored by reference, because most of the thousands of files have none.
    indirect enum Reading {
        case parsed(ParsedSpec)
        case broken
        /// It is empty or has only zeros: a synchronising program or a downloader has reserved the name.
        case placeholder
    }

    let stamp: FileStamp
    /// When it was first seen with this status, seconds since 1970.
    let since: Double
    private(set) var spec: Reading?
    private(set) var completeness: PictureCompleteness?
    /// Whether some process has it open for writing.
    private(set) var isOpen = false
    /// Whether some process has it open, but has not changed it for so long that the writer counts as finished.
    private(set) var isHeldOpen = false
    /// The errno if it cannot be read although its folder can; nil if it can.
    private var refusal: Errno?
    /// The digest of its content while some process has it open, and since when it is so: not every change of a mapped file shows
    /// in its time.
    private var held: (digest: String, since: Double)?
    /// Whether certainly no process has it open for writing.
    private var isSurelyClosed = false
    /// Whether its content proves that it is complete.
    private var isSealed = false
    private var arrival: Arrival?

    /// Its age at `since`, by its own time and the system's clock. From then on its age grows with the time that passes, because
    /// someone may set the clock.
    private let ageAtFirst: Double

    /// - Parameter clock: the system's time, seconds since 1970.
    init(_ status: FileStatus, since: Double, clock: Double) {
        stamp = FileStamp(status)
        self.since = since
        ageAtFirst = max(0, clock - stamp.modified)
    }

    private func age(_ now: Double) -> Double { ageAtFirst + now - since }

    /// Notes an event about the file: earlier readings of it may be out of date.
    mutating func arrived(_ arrival: Arrival) {
        self.arrival = arrival
        forget()
    }

    /// Notes a marker of its writer, which means as much as a rename.
    mutating func marked() { if arrival != .moved { arrived(.moved) } }

    /// Examines the content, if the file may be settled.
    mutating func examine(
        _ path: String, isSpec: Bool, quiet: Double, now: Double, _ files: some FileSystem,
        _ isComplete: InboxScanner.CompletenessCheck
    ) throws(FileError) {
        (isOpen, isHeldOpen, refusal) = (false, false, nil)
        guard arrival != nil || isQuiet(quiet, now) else { return }
        let writing = files.isBeingWritten(path)
        do throws(FileError) {
            try read(
                path, isSpec: isSpec, isBeingWritten: writing, half: Self.patience * quiet / 2, now, files,
                isComplete)
        } catch {
            // Its owner has not allowed reading, or has removed it meanwhile: the place itself works.
            guard
                [.noSuchFileOrDirectory, .permissionDenied, .tooManySymbolicLinkLevels].contains(error.errno)
            else {
                throw error
            }
            refusal = error.errno
        }
    }

    private mutating func read(
        _ path: String, isSpec: Bool, isBeingWritten writing: Bool?, half: Double, _ now: Double,
        _ files: some FileSystem, _ isComplete: InboxScanner.CompletenessCheck
    ) throws(FileError) {
        if writing == true, now - since >= half {
            let digest = try Digest.sha256(files: [path], files)
            let before = held.flatMap { $0.digest == digest ? $0.since : nil } ?? now
            held = (digest, before)
            isHeldOpen = now - before >= half
        }
        isOpen = writing == true && !isHeldOpen
        isSurelyClosed = writing == false
        // The content may change without a change of the file's time.
        if isOpen { return forget() }
        guard spec == nil && completeness == nil else { return }
        if isSpec {
            let bytes = try files.read(path, from: 0, count: min(stamp.size, Self.specBytes))
            if bytes.allSatisfy({ $0 == 0 }) {
                spec = .placeholder
                return
            }
            do {
                spec = .parsed(try parseSpec(bytes, file: PathCoding.shown(lastComponent(path))))
                isSealed = Self.endsItself(bytes)
            } catch { spec = .broken }
        } else {
            completeness = stamp.size > Self.pictureBytes ? .complete : isComplete(try files.read(path))
            isSealed = completeness == .sealed
        }
    }

    private mutating func forget() { (spec, completeness, isSealed) = (nil, nil, false) }

    /// Whether it has not changed for the quiet time, by the file's time or, where that is in the future, since it was first seen.
    private func isQuiet(_ quiet: Double, _ now: Double) -> Bool {
        age(now) >= quiet
    }

    /// Whether it can be claimed: it is settled, and complete or beyond hope.
    func isReady(quiet: Double, now: Double) -> Bool {
        let isDelivered = arrival == .moved || (arrival == .closed && isSurelyClosed && isSealed)
        guard !isOpen, isDelivered || isQuiet(quiet, now) else { return false }
        let age = age(now)
        return switch (spec, completeness) {
        case (.parsed?, _), (_, .complete?), (_, .sealed?), (_, .notAnImage?): true
        case (.placeholder?, _): false
        case (.broken?, _): age >= Self.specPatience * quiet
        case (_, .incomplete?): age >= Self.patience * quiet
        case (nil, nil): false
        }
    }

    /// Whether it has not changed for so long that nobody is likely to change it.
    func isLong(quiet: Double, now: Double) -> Bool {
        age(now) >= Self.patience * quiet
    }

    /// Whether a spec has not changed for so long that nobody is likely to complete it.
    func isSpecOverdue(quiet: Double, now: Double) -> Bool {
        age(now) >= Self.specPatience * quiet
    }

    /// Whether it is an empty spec.
    var isPlaceholder: Bool { if case .placeholder? = spec { true } else { false } }

    /// The errno if it cannot be read, and has been so for so long that nobody is likely to change that.
    func lastingRefusal(quiet: Double, now: Double) -> Errno? {
        now - since >= Self.patience * quiet ? refusal : nil
    }

    /// When it may become ready without an event.
    func next(quiet: Double, now: Double) -> Double {
        isOpen || isQuiet(quiet, now) ? now + quiet : now + max(quiet - age(now), 0.05)
    }

    /// Whether a spec's text shows its own end, so that no part of it would be a valid spec: JSON, or a YAML document with its
    /// end marker.
    private static func endsItself(_ bytes: [UInt8]) -> Bool {
        let spaces = Set(" \t\r\n".utf8)
        guard let first = bytes.first(where: { !spaces.contains($0) }),
            let last = bytes.lastIndex(where: { !spaces.contains($0) })
        else { return false }
        if first == UInt8(ascii: "{") { return bytes[last] == UInt8(ascii: "}") }
        return bytes[...last].suffix(4).elementsEqual("\n...".utf8)
    }
}
