import DurableFiles
import Failures
import JobFiles
import ServiceConfiguration

/// The place of a folder: the device, and the path within its file system. Two paths to one folder, by symbolic links or bind
/// mounts, have the same place.
struct FolderPlace: Equatable {
    private let device: String
    private let parts: [String]
    /// Where the file system is mounted; nil where that is not known.
    let mountPoint: String?

    /// The place of a folder, or of a folder that does not exist yet.
    init(_ path: String, mounts: [UInt8] = FolderPlace.mountTable) {
        // Resolve the part of the path that exists.
        var (known, rest) = (path, [String]())
        var real = Self.resolved(known)
        while real == nil && known != "/" && known != "." {
            rest.insert(lastComponent(known), at: 0)
            known = parent(known)
            real = Self.resolved(known)
        }
        let whole = (real ?? []) + rest
        var best: (device: String, root: [String], point: [String])?
        for line in mounts.split(separator: UInt8(ascii: "\n")) {
            // 36 35 98:0 /mnt1 /mnt2 rw,noatime …: the device, the root in the file system, and the mount point.
            let fields = line.split(separator: UInt8(ascii: " "))
            guard fields.count > 4 else { continue }
            let (root, point) = (Self.unescaped(fields[3]), Self.unescaped(fields[4]))
            // Of several mounts at one point, the last one is visible.
            if whole.starts(with: point), point.count >= best?.point.count ?? 0 {
                best = (PathCoding.text(fields[2]), root, point)
            }
        }
        device = best?.device ?? ""
        parts = (best?.root ?? []) + whole.dropFirst(best?.point.count ?? 0)
        mountPoint = best.map { "/" + $0.point.joined(separator: "/") }
    }

    static func == (a: FolderPlace, b: FolderPlace) -> Bool { a.device == b.device && a.parts == b.parts }

    /// Whether two folders are the same, or one lies in the other.
    func overlaps(_ other: FolderPlace) -> Bool {
        device == other.device && (parts.starts(with: other.parts) || other.parts.starts(with: parts))
    }

    static var mountTable: [UInt8] { (try? PosixFileSystem().read("/proc/self/mountinfo")) ?? [] }

    private static func resolved(_ path: String) -> [String]? {
        PathCoding.resolved(path).map { parts(PathCoding.bytes($0)) }
    }

    private static func parts(_ path: [UInt8]) -> [String] {
        path.split(separator: UInt8(ascii: "/")).map { PathCoding.text($0) }
    }

    /// The components of a path in the mount table, where a backslash and three octal digits encode some bytes.
    private static func unescaped(_ path: some Collection<UInt8>) -> [String] {
        var (bytes, rest) = ([UInt8](), Array(path)[...])
        while let byte = rest.popFirst() {
            let digits = rest.prefix(3)
            if byte == UInt8(ascii: "\\"), digits.count == 3,
                let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
            {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return parts(bytes)
    }
}

extension Configuration {
    /// Why the daemon cannot use its folders together: files that it puts into one would become new work in another. Paths alone
    /// do not show every case, so it follows symbolic links and bind mounts.
    public var folderClash: Failure? {
        let mounts = FolderPlace.mountTable
        let places = inboxes.map { (path: $0.path, place: FolderPlace($0.path, mounts: mounts)) }
        func clash(_ what: String, _ hint: String) -> Failure {
            Failure(.badConfiguration, code: "config.overlap", message: what, hint: hint)
        }
        for (i, inbox) in places.enumerated() {
            if let other = places[..<i].first(where: { $0.place.overlaps(inbox.place) }) {
                return clash(
                    "the inboxes \(other.path) and \(inbox.path) overlap",
                    "Choose folders that do not contain each other.")
            }
            if let outbox, FolderPlace(outbox, mounts: mounts).overlaps(inbox.place) {
                return clash(
                    "the outbox \(outbox) and the inbox \(inbox.path) overlap",
                    "Choose an outbox outside every inbox.")
            }
            if let gallery, FolderPlace(gallery, mounts: mounts).overlaps(inbox.place) {
                return clash(
                    "the gallery \(gallery) and the inbox \(inbox.path) overlap",
                    "Choose a gallery outside every inbox.")
            }
            for folder in [archive, failed].compactMap({ $0 })
            where FolderPlace(folder, mounts: mounts) == inbox.place {
                return clash(
                    "what is put away into \(folder) would be new work: it is the inbox \(inbox.path)",
                    "Choose a folder that is no inbox for `archive` and `failed`.")
            }
        }
        if let gallery, let outbox,
            FolderPlace(gallery, mounts: mounts).overlaps(FolderPlace(outbox, mounts: mounts))
        {
            return clash(
                "the gallery \(gallery) and the outbox \(outbox) overlap",
                "Choose a gallery beside the outbox.")
        }
        return nil
    }
}
