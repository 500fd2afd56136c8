import JobFiles
import SpecParser

/// A spec and the picture it edits, both ready.
struct Pair: Sendable, Equatable {
    var inbox: String
    var spec: String
    /// nil for a spec that cannot be read: it fails by itself.
    var image: String?
    var others: [String]
    var priority: Int
    var dropped: Double
}

/// Names that are never looked at: dot files, writers' temporary names, and anything but specs and pictures.
enum InboxNames {
    static let pictures = ["png", "jpg", "jpeg"]
    static let specs = ["yaml", "yml", "json"]

    static func isIgnored(_ name: String) -> Bool {
        let lower = name.lowercased()
        return name.hasPrefix(".") || name.hasSuffix("~")
            || [".tmp", ".part", ".partial", ".crdownload", ".filepart"].contains { lower.hasSuffix($0) }
    }

    static func isPicture(_ name: String) -> Bool {
        !isIgnored(name) && pictures.contains(fileExtension(name))
    }
    static func isSpec(_ name: String) -> Bool { !isIgnored(name) && specs.contains(fileExtension(name)) }
}
