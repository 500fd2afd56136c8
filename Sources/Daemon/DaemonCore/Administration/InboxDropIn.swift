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

    /// Folders that `ProtectHome=` hides, and those that `PrivateTmp=` replaces by empty ones.
    static let (homes, temporaries) = (["/home", "/root", "/run/user"], ["/tmp", "/var/tmp"])

    /// The drop-in of a folder.
    ///
    /// - Parameters:
    ///   - protectHome, privateTmp: the unit's settings, as systemd shows them.
    ///   - resolved: a path without symbolic links; /home may be one.
    init(_ folder: String, protectHome: String, privateTmp: String, resolved: (String) -> String) {
        func lies(below roots: [String]) -> Bool {
            roots.contains { root in folder.hasPrefix("\(root)/") || folder.hasPrefix("\(resolved(root))/") }
        }
        self.folder = folder
        if ["yes", "tmpfs"].contains(protectHome), lies(below: Self.homes) {
            access = .boundInHome
        } else {
            access = privateTmp == "yes" && lies(below: Self.temporaries) ? .bound : .named
        }
    }

    /// The file.
    var text: String {
        let path = Self.quoted(folder)
        let lines =
            switch access {
            case .named: ["ReadWritePaths=\(path)"]
            case .bound: ["BindPaths=\(path)"]
            case .boundInHome: ["ProtectHome=tmpfs", "BindPaths=\(path)"]
            }
        return """
            # Written by `clipdragd add-inbox`, as was the file of that name among the pieces of the configuration.
            [Unit]
            RequiresMountsFor=\(path)

            [Service]
            \(lines.joined(separator: "\n"))

            """
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
