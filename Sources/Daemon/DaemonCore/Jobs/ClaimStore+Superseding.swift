import Digests
import DurableFiles
import JobFiles
import ServiceConfiguration

/// Which failed jobs a published result makes good.
extension ClaimStore {
    /// Removes a failed job's folder, unless it has a file that lies nowhere else: what someone put there, or a picture
    /// that is neither in the inbox nor in the archive any more.
    ///
    /// - Returns: whether it was removed.
    func removeSuperseded(_ folder: String, _ record: EndedJob) throws(FileError) -> Bool {
        for entry in try files.list(folder)
        where !InboxNames.reports.contains(entry.name) && entry.name != record.spec {
            guard entry.kind == .file, try hasTwin(of: entry.name, in: folder, record.inbox) else {
                return false
            }
        }
        try files.removeTree(folder)
        return true
    }

    private func hasTwin(of name: String, in folder: String, _ inbox: String) throws(FileError) -> Bool {
        let path = "\(folder)/\(name)"
        guard let ours = try files.status(path) else { return true }
        for place in [inbox, configuration.archiveFolder(of: inbox)] {
            guard let there = try files.status("\(place)/\(name)"), there.kind == .file,
                there.size == ours.size
            else { continue }
            if there.inode == ours.inode && there.device == ours.device { return true }
            if try Digest.sha256(files: ["\(place)/\(name)"], files)
                == Digest.sha256(files: [path], files)
            {
                return true
            }
        }
        return false
    }
}
