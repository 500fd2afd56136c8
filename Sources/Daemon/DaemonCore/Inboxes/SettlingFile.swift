import Digests
import DurableFiles
import ServiceConfiguration
import SpecParser
import SystemPackage

/// How a name came into an inbox, as inotify tells it.
enum Arrival: Sendable {
    /// By rename: whoever wrote it had another name for it until then, and is done.
    case moved
    /// It was closed after writing; there may be more to come.
    case closed
}

/// A file of an inbox, and what is known of whether its writer is done.
///
/// A file is settled when no process is known to have it open for writing *and* one of these holds:
/// - it has not changed for the quiet time;
/// - it came by rename, or a marker says that it is whole;
/// - it was closed after writing, surely no one has it open, and its content itself says that nothing is missing
///   (`isSealed`).
///
/// Settled files are ready once their content is whole; see `isReady`.
struct SettlingFile: Sendable {
    /// A picture without its end is given this many quiet times, then it is a damaged one. As long is a file waited for
    /// that is held open and does not change: some programs never close.
    private static let patience = 30.0
    /// A spec that does not parse is given this many: it may be half written.
    private static let specPatience = 3.0
    /// Bytes of a file that are looked at: a spec has at most 1 MiB, and of a picture that is larger than any within the
    /// pixels of a configuration the worker has to tell. Whatever is dropped, the daemon's memory is its own.
    static let (specBytes, pictureBytes) = ((1 << 20) + 1, 1 << 30)

    /// A spec as it was read. By reference: of most files there is none, and there may be thousands.
    indirect enum Reading {
        case parsed(ParsedSpec)
        case broken
        /// It has no byte yet, or only zeros: a synchronising program or a downloader keeps the name for it.
        case placeholder
    }

    let stamp: FileStamp
    /// When it was first seen like this, seconds since 1970.
    let since: Double
    private(set) var spec: Reading?
    private(set) var completeness: PictureCompleteness?
    /// Some process has it open for writing.
    private(set) var isOpen = false
    /// Some process has, and has not changed it for so long that it counts as done.
    private(set) var isHeldOpen = false
    /// Why it cannot be read, though its folder can; 0: it can.
    private var refusal: Errno?
    /// What was read of it while some process had it open, and since when it reads so: not every change of a mapped file
    /// shows in its time.
    private var held: (digest: String, since: Double)?
    /// No process has.
    private var isSurelyClosed = false
    /// Content that no writer could have left half-way.
    private var isSealed = false
    private var arrival: Arrival?

    /// How old it was then by its own time and the system's clock. From there on its age grows by the time that passes:
    /// the clock may be set.
    private let ageAtFirst: Double

    /// - Parameter clock: the system's time, seconds since 1970.
    init(_ status: FileStatus, since: Double, clock: Double) {
        stamp = FileStamp(status)
        self.since = since
        ageAtFirst = max(0, clock - stamp.modified)
    }

    private func age(_ now: Double) -> Double { ageAtFirst + now - since }

    /// An event told of the file: what was read of it before may be out of date.
    mutating func arrived(_ arrival: Arrival) {
        self.arrival = arrival
        forget()
    }

    /// Its writer has left a marker: that says as much as a rename.
    mutating func marked() { if arrival != .moved { arrived(.moved) } }

    /// Looks at the content, if the file may be settled.
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
            // Its owner keeps it to himself, or has taken it away meanwhile: that is no matter of the place.
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
        // What was read before may change without the file's time telling.
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

    /// Unchanged for the quiet time, by the file's clock or, where that runs ahead of ours, by what was seen.
    private func isQuiet(_ quiet: Double, _ now: Double) -> Bool {
        age(now) >= quiet
    }

    /// Whether it can be taken: settled, and whole or not to become so any more.
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

    /// Whether it has not changed for so long that no one is about to.
    func isLong(quiet: Double, now: Double) -> Bool {
        age(now) >= Self.patience * quiet
    }

    /// Whether a spec has not changed for so long that no one is about to complete it.
    func isSpecOverdue(quiet: Double, now: Double) -> Bool {
        age(now) >= Self.specPatience * quiet
    }

    /// Whether it is a spec that nothing has been written into.
    var isPlaceholder: Bool { if case .placeholder? = spec { true } else { false } }

    /// Why it cannot be read (an errno), if that has been so for so long that no one is about to mend it.
    func lastingRefusal(quiet: Double, now: Double) -> Errno? {
        now - since >= Self.patience * quiet ? refusal : nil
    }

    /// When it may have become ready, if no event tells.
    func next(quiet: Double, now: Double) -> Double {
        isOpen || isQuiet(quiet, now) ? now + quiet : now + max(quiet - age(now), 0.05)
    }

    /// Whether a spec's text shows its own end, so that no beginning of it is a spec: JSON, or a YAML document with its end
    /// marker.
    private static func endsItself(_ bytes: [UInt8]) -> Bool {
        let spaces = Set(" \t\r\n".utf8)
        guard let first = bytes.first(where: { !spaces.contains($0) }),
            let last = bytes.lastIndex(where: { !spaces.contains($0) })
        else { return false }
        if first == UInt8(ascii: "{") { return bytes[last] == UInt8(ascii: "}") }
        return bytes[...last].suffix(4).elementsEqual("\n...".utf8)
    }
}
