import DurableFiles
import JobFiles

/// A spec and the picture it edits, both ready.
struct Pair: Sendable, Equatable {
    var inbox: String
    var spec: String
    /// nil for a spec that cannot be read, or whose picture cannot be told: it fails by itself.
    var image: String?
    var others: [String]
    var priority: Int
    var dropped: Double
    /// Pictures that the spec's name fits, when there are several and it names none.
    var ambiguous: [String] = []
    /// What the files were like when they were found whole, by name.
    var stamps: [String: FileStamp] = [:]
    /// Markers by which its writer has said that they are whole.
    var markers: [String] = []
    /// When the last of them was first seen so, seconds since 1970.
    var since = 0.0
    /// Of these, files that someone holds open for writing and has not changed for long.
    var heldOpen: Set<String> = []
}

/// By what a change of a file's content is known.
struct FileStamp: Sendable, Equatable {
    var size: Int
    var modified: Double
    var inode: UInt64

    init(_ status: FileStatus) { (size, modified, inode) = (status.size, status.modified, status.inode) }
}

/// Names that are never looked at: dot files, writers' temporary names, and anything but specs and pictures.
enum InboxNames {
    static let specs = ["yaml", "yml", "json"]
    /// What the daemon lays beside a failed job's inputs. Who moves all of that back into the inbox drops no spec by it.
    static let reports = [ErrorReport.fileName, ErrorReport.textFileName]

    static func isIgnored(_ name: String) -> Bool {
        let lower = name.lowercased()
        // `~$` begins the names of office programs' lock files.
        return name.hasPrefix(".") || name.hasPrefix("~$") || name.hasSuffix("~") || reports.contains(name)
            || [".tmp", ".part", ".partial", ".crdownload", ".filepart"].contains { lower.hasSuffix($0) }
    }

    /// Markers by which a writer may say that a file is whole, instead of having it wait for the quiet time: `cat.png.ready`
    /// for one file, `cat.ready` for all of that stem.
    static func markers(of name: String) -> [String] { ["\(name).ready", "\(stem(name)).ready"] }
    static func isMarker(_ name: String) -> Bool { !isIgnored(name) && fileExtension(name) == "ready" }

    /// Endings of the files in which downloaders keep how far they are, beside the file itself: `cat.png.aria2`.
    static let downloadEndings = [
        ".aria2", ".part", ".partial", ".filepart", ".crdownload", ".opdownload", ".dtapart", ".dctmp",
        ".xltd",
        ".st", ".lftp-pget-status", ".ytdl", ".!qb", ".!ut", ".bc!",
    ]

    /// The file that a downloader's control file belongs to; nil for any other name.
    static func fileOfDownload(_ name: String) -> String? {
        let lower = name.lowercased()
        guard let ending = downloadEndings.first(where: { lower.hasSuffix($0) }) else { return nil }
        return String(name.dropLast(ending.count))
    }

    /// Whether a program that synchronises folders made this file, since two people had changed the original.
    static func isConflictedCopy(_ name: String) -> Bool {
        let lower = name.lowercased()
        return lower.contains("conflicted copy") || lower.contains(".sync-conflict-")
    }

    static func isPicture(_ name: String) -> Bool {
        !isIgnored(name) && PictureIndex.extensions.contains(fileExtension(name))
    }
    static func isSpec(_ name: String) -> Bool { !isIgnored(name) && specs.contains(fileExtension(name)) }
    /// Whether a job may take a file that its spec names as picture or mask. Not another's spec, nor what is never looked at;
    /// and what lies in a sub-folder or outside is not the daemon's. The job's own check says what is wrong with these.
    static func isInput(_ name: String) -> Bool {
        !name.contains("/") && !isIgnored(name) && !isSpec(name)
    }
}
