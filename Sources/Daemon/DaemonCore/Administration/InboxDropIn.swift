import ServiceConfiguration

/// What lets a hardened service see and write a folder, as a drop-in of its unit (systemd.exec(5)).
struct InboxDropIn: Equatable {
    /// How the unit makes a folder visible.
    enum Access: Equatable {
        /// The folder is visible; the drop-in makes it writable.
        case named
        /// A bind mount over the folder that hides it.
        case bound
        /// A bind mount, and a setting of `ProtectHome=` that allows it.
        case boundInHome
    }

    /// The folder, an absolute path.
    let folder: String
    /// How the unit makes it visible.
    let access: Access
    /// Where the file system is mounted that has it; nil: at /.
    let mountPoint: String?

    /// Folders that `ProtectHome=` hides, and those that `PrivateTmp=` replaces by empty ones.
    static let (homes, temporaries) = (["/home", "/root", "/run/user"], ["/tmp", "/var/tmp"])

    /// The drop-in of a folder.
    ///
    /// - Parameters:
    ///   - protectHome, privateTmp: the unit's settings, as systemd shows them.
    ///   - mountPoint: where the folder's file system is mounted.
    ///   - resolved: a path without symbolic links; /home may be one.
    init(
        _ folder: String, protectHome: String, privateTmp: String, mountPoint: String? = nil,
        resolved: (String) -> String
    ) {
        func lies(below roots: [String]) -> Bool {
            roots.contains { root in folder.hasPrefix("\(root)/") || folder.hasPrefix("\(resolved(root))/") }
        }
        self.folder = folder
        self.mountPoint = mountPoint == "/" ? nil : mountPoint
        if ["yes", "tmpfs"].contains(protectHome), lies(below: Self.homes) {
            access = .boundInHome
        } else {
            access = privateTmp == "yes" && lies(below: Self.temporaries) ? .bound : .named
        }
    }

    /// The file. The service starts without the folder too: `-` begins a path that may be missing, and a disk that does not
    /// come is only waited for.
    var text: String {
        let path = Self.quoted("-\(folder)")
        let unit = mountPoint.map { "[Unit]\nWants=\(Self.mountUnit($0))\nAfter=\(Self.mountUnit($0))\n\n" }
        let lines =
            switch access {
            case .named: ["ReadWritePaths=\(path)"]
            case .bound: ["BindPaths=\(path)"]
            case .boundInHome: ["ProtectHome=tmpfs", "BindPaths=\(path)"]
            }
        return """
            # Written by `clipdragd add-inbox`, as was the file of that name among the pieces of the configuration.
            \(unit ?? "")[Service]
            \(lines.joined(separator: "\n"))

            """
    }

    /// The name of the unit that mounts a file system (systemd.unit(5), string escaping for inclusion in unit names).
    static func mountUnit(_ point: String) -> String {
        var name = ""
        let path = point.utf8.drop { $0 == UInt8(ascii: "/") }
        for (i, byte) in path.enumerated() {
            let scalar = Character(Unicode.Scalar(byte))
            switch scalar {
            case "/": name += "-"
            case "a"..."z", "A"..."Z", "0"..."9", ":", "_": name.append(scalar)
            case "." where i > 0: name += "."
            default:
                let digits = String(byte, radix: 16)
                name += "\\x\(digits.count == 1 ? "0" : "")\(digits)"
            }
        }
        return "\(name).mount"
    }

    /// A path as one word of a unit's setting: quotes keep spaces and colons, `%` begins a specifier.
    static func quoted(_ path: String) -> String {
        let escaped = path.unicodeScalars.map { scalar in
            switch scalar {
            case "\"", "\\": "\\\(scalar)"
            case "%": "%%"
            default: String(scalar)
            }
        }
        return "\"\(escaped.joined())\""
    }
}
