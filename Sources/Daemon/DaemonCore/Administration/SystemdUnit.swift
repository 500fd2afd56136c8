import DurableFiles
import Foundation
import Processes

/// A unit of the running systemd, from systemctl(1).
struct SystemdUnit {
    /// Its name, with `.service`.
    let name: String
    private var properties: [String: String] = [:]

    private static let asked = [
        "LoadState", "ActiveState", "MainPID", "InvocationID", "User", "Group", "SupplementaryGroups",
        "StateDirectory", "ProtectHome", "PrivateTmp",
    ]

    /// The unit of a name; nil where no systemd answers, or where there is no such unit.
    init?(_ name: String) {
        self.name = name
        refresh()
        guard properties["LoadState"] == "loaded" else { return nil }
    }

    /// Reads its properties again.
    mutating func refresh() {
        let (isGood, lines) = Self.run([
            "systemctl", "show", "--property=\(Self.asked.joined(separator: ","))", name,
        ])
        properties = [:]
        for line in isGood ? lines : [] {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { properties[String(parts[0])] = String(parts[1]) }
        }
    }

    subscript(_ property: String) -> String { properties[property] ?? "" }

    /// Whether it runs or starts.
    var isActive: Bool { ["active", "reloading", "activating"].contains(self["ActiveState"]) }
    /// The daemon's process; nil if none runs.
    var process: Int? { Int(self["MainPID"]).flatMap { $0 > 0 ? $0 : nil } }

    /// Makes systemd read its files again.
    func reloadManager() -> Bool { Self.run(["systemctl", "daemon-reload"]).isGood }

    /// Restarts the unit, and waits until it is ready or has failed.
    func restart() -> Bool {
        // The many starts in a row are not the service's fault.
        _ = Self.run(["systemctl", "reset-failed", name])
        return Self.run(["systemctl", "restart", name]).isGood
    }

    /// The service's error at its last start; without one, systemd's message.
    ///
    /// - Parameter start: the time of that start, seconds since 1970.
    func lastWords(since start: Double) -> String? {
        _ = Self.run(["journalctl", "--sync"])
        let journal = ["journalctl", "--quiet", "--no-pager", "--output=cat"]
        let own = Self.run(journal + ["_SYSTEMD_INVOCATION_ID=\(self["InvocationID"])"]).lines
        // An error is followed by what to do.
        if let error = own.lastIndex(where: { $0.contains("error: ") }) {
            return own[error...].prefix(2).joined(separator: ". ")
        }
        let words = journal + ["--unit=\(name)", "--priority=err", "--since=@\(Int(start))"]
        return Self.run(words).lines.first
    }

    /// The state folder of the running daemon, from its command line, its environment or the unit.
    var stateFolder: String {
        let process = process ?? 0
        let arguments = Self.strings("/proc/\(process)/cmdline")
        for (i, word) in arguments.enumerated() {
            if word == "--state", i + 1 < arguments.count { return arguments[i + 1] }
            if word.hasPrefix("--state=") { return String(word.dropFirst("--state=".count)) }
        }
        let variable = Self.strings("/proc/\(process)/environ").first { $0.hasPrefix("STATE_DIRECTORY=") }
        let given = variable?.dropFirst("STATE_DIRECTORY=".count).split(separator: ":").first
        return given.map(String.init)
            ?? "/var/lib/\(self["StateDirectory"].split(separator: " ").first ?? "clipdragd")"
    }

    private static func strings(_ path: String) -> [String] {
        ((try? PosixFileSystem().read(path)) ?? []).split(separator: 0).map { PathCoding.text($0) }
    }

    /// Runs a program of PATH; its lines include standard error.
    private static func run(_ words: [String]) -> (isGood: Bool, lines: [String]) {
        let run = ProgramRun.run(["/bin/sh", "-c", "exec \"$@\" 2>&1", "sh"] + words)
        let text = String(decoding: run?.output ?? [], as: UTF8.self)
        return (run?.status == 0, text.split(separator: "\n").map(String.init))
    }
}
