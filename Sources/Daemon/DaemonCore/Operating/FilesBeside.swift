import DurableFiles
import JobFiles

/// What lies beside a spec, has its stem, and is no picture that a job can take: the spec's author may mean it.
enum FilesBeside {
    /// Sentences about the first of them, without their full stops.
    ///
    /// - Parameters:
    ///   - spec: the spec's name.
    ///   - folder: the inbox.
    static func sentences(about spec: String, in folder: String, _ files: any FileSystem) -> [String] {
        let entries = (try? files.list(folder)) ?? []
        let beside = entries.filter { stem($0.name) == stem(spec) && !InboxNames.isIgnored($0.name) }
        let others = beside.filter {
            $0.kind == .file && !InboxNames.isSpec($0.name) && !InboxNames.isPicture($0.name)
                && !InboxNames.isMarker($0.name)
        }
        let links = beside.filter { $0.kind != .file && InboxNames.isPicture($0.name) }
        let downloads = entries.filter { entry in
            guard let file = InboxNames.fileOfDownload(entry.name) else { return false }
            return InboxNames.isPicture(file) && stem(file) == stem(spec)
        }
        func shown(_ entry: FileEntry) -> String { "\(PathCoding.shown(entry.name)) lies beside it" }
        return others.prefix(3).map {
            "\(shown($0)) and is no picture: a picture ends in .png, .jpg, .jpeg, .jpe or .jfif"
        }
            + links.prefix(3).map {
                "\(shown($0)) and is \($0.kind == .symbolicLink ? "a symbolic link, which is not followed" : "no file"): drop the file itself"
            }
            + downloads.prefix(3).map { "\(shown($0)): that download has not ended" }
    }
}
