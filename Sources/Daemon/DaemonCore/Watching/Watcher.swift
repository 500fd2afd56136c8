internal import CLinux
import Foundation
import JobFiles
import SpecParser

/// Wakes the daemon when something happens in a folder: inotify, or nothing where that is silent (network file
/// systems) and only the rescan finds changes.
final class Watcher {
    /// Readable when events wait; −1 where the folder is polled.
    let descriptor: Int32
    private let path: String

    /// Watches a folder as asked.
    init(_ path: String, _ mode: Configuration.Inbox.Watch) throws(FileError) {
        self.path = path
        let polls = mode == .poll || (mode == .auto && cl_is_remote(path) == 1)
        if polls {
            descriptor = -1
            return
        }
        let opened = cl_inotify_open()
        guard opened >= 0 else { throw FileError("inotify_init", path) }
        guard cl_inotify_watch(opened, path) >= 0 else {
            let number = errno
            close(opened)
            throw FileError("inotify_add_watch", path, number)
        }
        descriptor = opened
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// What the events said.
    enum News { case nothing, changes, lost }

    /// Takes all waiting events. Which files they were about does not matter: the folder is scanned.
    func drain() -> News {
        guard descriptor >= 0 else { return .nothing }
        switch cl_inotify_drain(descriptor) {
        case 1: return .changes
        case 2: return .lost
        default: return .nothing
        }
    }
}
