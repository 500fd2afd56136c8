import DurableFiles
import Foundation
import ServiceConfiguration
import SystemPackage
internal import CLinux

/// Wakes the daemon when something happens in a folder, by inotify. Where inotify may miss changes (network file systems, FUSE,
/// overlays) the daemon polls the folder too. Where the kernel has no more watches, it only polls. The configuration can choose
/// polling alone, or inotify alone.
final class Watcher {
    /// Ways to watch a folder.
    enum Mode: String { case inotify, poll, both }

    /// The news from the events.
    struct News {
        /// Something came, or happened to the folder.
        var isAny = false
        /// Events were lost: only a scan of the whole folder shows the changes.
        var isOverflow = false
        /// The folder was removed, moved or unmounted.
        var isGone = false
        /// New files, and how each came.
        var arrivals: [String: Arrival] = [:]
        /// Names that were removed or moved away.
        var departures: Set<String> = []
        /// Files whose permissions, owner or times were set.
        var attributes: Set<String> = []
    }

    let mode: Mode
    /// Readable when events wait; −1 where the daemon only polls the folder.
    let descriptor: Int32
    /// Why the daemon polls it although the configuration asks for inotify.
    let refusal: FileError?

    /// Watches a folder in the configured way.
    init(_ path: String, _ wish: Configuration.Inbox.Watch) throws(FileError) {
        guard wish != .poll else {
            (mode, descriptor, refusal) = (.poll, -1, nil)
            return
        }
        do throws(FileError) {
            descriptor = try Self.watch(path)
            mode = wish == .auto && cl_may_be_silent(PathCoding.cString(path)) != 0 ? .both : .inotify
            refusal = nil
        } catch {
            guard wish == .auto,
                [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noSpace, .noMemory, .noFunction].contains(
                    error.errno)
            else {
                throw error
            }
            (mode, descriptor, refusal) = (.poll, -1, error)
        }
    }

    private static func watch(_ path: String) throws(FileError) -> Int32 {
        let opened = cl_inotify_open()
        guard opened >= 0 else { throw FileError(.inotifyInit, path) }
        guard cl_inotify_watch(opened, PathCoding.cString(path)) >= 0 else {
            let number = Errno(rawValue: errno)
            close(opened)
            throw FileError(.inotifyAddWatch, path, number)
        }
        return opened
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Takes all waiting events.
    func drain() -> News {
        var news = News()
        guard descriptor >= 0 else { return news }
        _ = withUnsafeMutablePointer(to: &news) { target in
            cl_inotify_drain(descriptor, target) { target, kind, name in
                guard let news = target?.assumingMemoryBound(to: News.self), let name else { return }
                func text() -> String {
                    PathCoding.text(
                        UnsafeBufferPointer(start: name, count: strlen(name)).map { UInt8(bitPattern: $0) })
                }
                switch kind {
                case CL_LEFT:
                    news.pointee.departures.insert(text())
                    return
                case CL_ATTRIBUTES:
                    news.pointee.attributes.insert(text())
                    return
                case CL_OVERFLOW: news.pointee.isOverflow = true
                case CL_GONE: news.pointee.isGone = true
                case CL_MOVED_IN, CL_CLOSED:
                    news.pointee.arrivals[text()] = kind == CL_CLOSED ? .closed : .moved
                default: break
                }
                news.pointee.isAny = true
            }
        }
        return news
    }
}

/// Wakes the daemon when anything is mounted or unmounted. A mount over a watched folder gives it no event.
final class MountWatcher {
    /// Has POLLPRI when the mounts have changed; −1 where the system does not say.
    let descriptor = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)

    deinit { if descriptor >= 0 { close(descriptor) } }
}
