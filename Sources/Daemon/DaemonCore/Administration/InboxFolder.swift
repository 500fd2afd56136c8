import DurableFiles
import Failures
import JobFiles
import SystemPackage
internal import CLinux

#if canImport(Glibc)
    import Glibc
#endif

/// Who the service runs as.
struct ServiceUser {
    let name: String
    let user: uid_t
    let group: gid_t
    /// All groups it is in.
    private(set) var groups: [gid_t]

    /// The user of a unit; nil where there is none of that name (yet).
    init?(_ unit: SystemdUnit) {
        name = unit["User"].isEmpty ? "root" : unit["User"]
        guard let entry = getpwnam(name) ?? uid_t(name).flatMap({ getpwuid($0) }) else { return nil }
        user = entry.pointee.pw_uid
        group = Self.group(unit["Group"]) ?? entry.pointee.pw_gid
        var count: Int32 = 256
        groups = [gid_t](repeating: 0, count: Int(count))
        guard getgrouplist(entry.pointee.pw_name, group, &groups, &count) >= 0 else { return nil }
        groups.removeLast(groups.count - Int(count))
        groups += unit["SupplementaryGroups"].split(separator: " ").compactMap { Self.group(String($0)) }
    }

    private static func group(_ name: String) -> gid_t? {
        name.isEmpty ? nil : getgrnam(name).map(\.pointee.gr_gid) ?? gid_t(name)
    }
}

/// A folder that is to become an inbox.
struct InboxFolder {
    /// Its path without symbolic links, for the unit and the configuration.
    let path: String
    private let files = PosixFileSystem()

    /// - Parameter written: an absolute path.
    init(_ written: String) throws(Failure) {
        guard written.hasPrefix("/") else {
            throw Failure(
                .usage, code: "config.relative_path",
                message: "the inbox is `\(PathCoding.shown(written))`, a relative path",
                hint: "Write a path that begins with /.")
        }
        // Resolve the part of the path that exists.
        var (known, rest) = (written, [String]())
        var real: String?
        while known != "/" {
            real = PathCoding.resolved(known)
            if real != nil { break }
            rest.insert(lastComponent(known), at: 0)
            known = parent(known)
        }
        let whole = "\(real ?? "")/\(rest.joined(separator: "/"))"
        guard let text = String(validating: PathCoding.bytes(whole), as: UTF8.self),
            text.unicodeScalars.allSatisfy({ $0.value >= 32 && $0.value != 127 })
        else {
            throw Failure(
                .usage, code: "command.usage", message: "a systemd unit cannot name this folder",
                file: PathCoding.shown(written),
                hint: "Choose a path of UTF-8 without control characters.")
        }
        path = text == "/" ? text : "/" + text.split(separator: "/").joined(separator: "/")
    }

    /// Makes the folder if it is missing, for the service and its group (mode 3770, as the package's inbox).
    ///
    /// - Returns: the folders that were made, the innermost first.
    func make(for service: ServiceUser?) throws(FileError) -> [String] {
        let made = try Self.missing(path)
        guard !made.isEmpty else {
            guard KernelCalls().isDirectory(path) else { throw FileError(.open, path, .notDirectory) }
            return []
        }
        do throws(FileError) {
            try files.createDirectory(parent(path))
            guard mkdir(PathCoding.cString(path), 0o700) == 0 else { throw FileError(.mkdir, path) }
            // By its descriptor: the owner of the folder above could replace it by a link.
            let descriptor = open(PathCoding.cString(path), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else { throw FileError(.open, path) }
            defer { close(descriptor) }
            if let service, fchown(descriptor, service.user, service.group) != 0 {
                throw FileError(.fchown, path)
            }
            guard fchmod(descriptor, 0o3770) == 0 else { throw FileError(.fchmod, path) }
            guard fsync(descriptor) == 0 else { throw FileError(.fsync, path) }
            try files.syncDirectory(parent(path))
        } catch {
            Self.remove(made)
            throw error
        }
        return made
    }

    /// The missing ones of a folder and its parents, the innermost first.
    static func missing(_ folder: String) throws(FileError) -> [String] {
        var (missing, above) = ([String](), folder)
        while try PosixFileSystem().status(above) == nil {
            missing.append(above)
            above = parent(above)
        }
        return missing
    }

    /// Removes the folders that were made, if they are empty.
    static func remove(_ made: [String]) { for folder in made { rmdir(PathCoding.cString(folder)) } }

    /// Why a service cannot use it, and what to do; nil if it can, or if that is unknown.
    ///
    /// - Parameter isBound: the service gets the folder itself, whatever those above it allow.
    func refusal(of service: ServiceUser, isBound: Bool) -> Failure? {
        func access(_ isBound: Bool) -> Int32 {
            cl_folder_access(
                PathCoding.cString(path), isBound ? 1 : 0, service.user, service.group, service.groups,
                Int32(service.groups.count))
        }
        let number = access(isBound)
        guard number > 0 else { return nil }
        let error = FileError(.access, path, Errno(rawValue: number))
        var failure = Failure(error, .badOutput)
        guard error.errno == .permissionDenied else { return failure }
        let quoted = "'\(path.replacing("'", with: "'\\''"))'"
        if !isBound && access(true) == 0 {
            failure.message = "a folder above it keeps the user \(service.name) out"
            failure.hint = "See `namei -l \(quoted)`; each folder on the way needs x for that user."
        } else {
            failure.message = "the user \(service.name) may not write there (\(ownership))"
            failure.hint =
                "Allow it: setfacl -m u:\(service.name):rwx \(quoted); or give the folder its group (chgrp, chmod 2770)."
        }
        return failure
    }

    /// `owner:group, mode 2770`.
    var ownership: String {
        var found = stat()
        guard stat(PathCoding.cString(path), &found) == 0 else { return "nothing" }
        let user = getpwuid(found.st_uid).map { String(cString: $0.pointee.pw_name) } ?? String(found.st_uid)
        let group = getgrgid(found.st_gid).map { String(cString: $0.pointee.gr_name) } ?? String(found.st_gid)
        return "\(user):\(group), mode \(String(found.st_mode & 0o7777, radix: 8))"
    }

    /// Whether a process sees this folder at its path.
    func isSeen(by process: Int) -> Bool {
        var (ours, theirs) = (stat(), stat())
        return stat(PathCoding.cString(path), &ours) == 0
            && stat(PathCoding.cString("/proc/\(process)/root\(path)"), &theirs) == 0
            && ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino
    }
}
