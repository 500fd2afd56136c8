import DurableFiles
import JobFiles

/// A spec and its picture, both ready.
struct Pair: Sendable, Equatable {
    var inbox: String
    var spec: String
    /// The picture; nil for a spec that is invalid or whose picture is unknown. The job of such a spec fails.
    var image: String?
    var others: [String]
    var priority: Int
    var dropped: Double
    /// Pictures that fit the spec's name, where several do and the spec names none.
    var ambiguous: [String] = []
    /// The stamps of the complete files, by name.
    var stamps: [String: FileStamp] = [:]
    /// The writer's markers for complete files.
    var markers: [String] = []
    /// When the last of the files was first seen with its stamp, seconds since 1970.
    var since = 0.0
    /// Those files that some process has open for writing, but has not changed for long.
    var heldOpen: Set<String> = []
}

/// The properties of a file that change with its content.
struct FileStamp: Sendable, Equatable {
    var size: Int
    var modified: Double
    var inode: UInt64

    init(_ status: FileStatus) { (size, modified, inode) = (status.size, status.modified, status.inode) }
}

/// Rules for file names in an inbox. The daemon ignores dot files, writers' temporary names, and all files except specs and
/// pictures.
enum InboxNames {
    static let specs = ["yaml", "yml", "json"]
    /// The reports beside a failed job's inputs. They are no specs, even when someone moves the whole folder back into the inbox.
    static let reports = [ErrorReport.fileName, ErrorReport.textFileName]

    static func isIgnored(_ name: String) -> Bool {
        let lower = name.lowercased()
        // `~$` begins the names of office programs' lock files.
        return name.hasPrefix(".") || name.hasPrefix("~$") || name.hasSuffix("~") || reports.contains(name)
            || [".tmp", ".part", ".partial", ".crdownload", ".filepart"].contains { lower.hasSuffix($0) }
    }

    /// Markers with which a writer may declare a file complete, instead of waiting for the quiet time: `cat.png.ready` for one
    /// file, `cat.ready` for all files with that stem.
    static func markers(of name: String) -> [String] { ["\(name).ready", "\(stem(name)).ready"] }
    static func isMarker(_ name: String) -> Bool { !isIgnored(name) && fileExtension(name) == "ready" }

    /// Endings of downloaders' control files, which lie beside the download: `cat.png.aria2`.
    static let downloadEndings = [
        ".aria2", ".part", ".partial", ".filepart", ".crdownload", ".opdownload", ".dtapart", ".dctmp",
        ".xltd",
        ".st", ".lftp-pget-status", ".ytdl", ".!qb", ".!ut", ".bc!",
    ]

    /// The file to which a downloader's control file belongs; nil for any other name.
    static func fileOfDownload(_ name: String) -> String? {
        let lower = name.lowercased()
        guard let ending = downloadEndings.first(where: { lower.hasSuffix($0) }) else { return nil }
        return String(name.dropLast(ending.count))
    }

    /// Whether a program that synchronises folders made this file because two people had changed the original.
    static func isConflictedCopy(_ name: String) -> Bool {
        let lower = name.lowercased()
        return lower.contains("conflicted copy") || lower.contains(".sync-conflict-")
    }

    static func isPicture(_ name: String) -> Bool {
        !isIgnored(name) && PictureIndex.extensions.contains(fileExtension(name))
    }
    static func isSpec(_ name: String) -> Bool { !isIgnored(name) && specs.contains(fileExtension(name)) }
    /// Endings that editors put behind the one that was asked for: some systems do not show them.
    static let hidingEndings = ["txt", "text", "rtf"]
    /// Whether a file would be a spec without its last ending.
    static func isHiddenSpec(_ name: String) -> Bool {
        hidingEndings.contains(fileExtension(name)) && isSpec(stem(name))
    }
    /// Whether a job may take a file that its spec names as picture or mask. It may not take specs, ignored files, and files in
    /// sub-folders or outside the inbox. The job's own check reports these.
    static func isInput(_ name: String) -> Bool {
        !name.contains("/") && !isIgnored(name) && !isSpec(name)
    }
}
