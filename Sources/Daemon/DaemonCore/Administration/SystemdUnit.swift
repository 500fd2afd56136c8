import DurableFiles
import Failures
import Foundation

/// A unit of the running systemd, from systemctl(1).
struct SystemdUnit {
    /// Its name, with `.service`.
    let name: String
    private let programs: SystemPrograms
    private var properties: [String: String] = [:]

    private static let asked = [
        "LoadState", "ActiveState", "MainPID", "InvocationID", "User", "Group", "SupplementaryGroups",
        "StateDirectory", "ProtectHome", "PrivateTmp",
    ]

    /// The unit of a name; nil where no systemd answers, or where there is no such unit.
    ///
    /// - Throws: `inbox.refused` when systemd is there and does not answer in time.
    init?(_ name: String, _ programs: SystemPrograms = SystemPrograms()) throws(Failure) {
        self.name = name
        self.programs = programs
        if case .late(let what)? = refresh() {
            throw Failure(
                .tryLater, code: "inbox.refused", message: what, file: name,
                hint: "Nothing has changed. See whether systemd answers: `systemctl status \(name)`.",
                isRetryable: true)
        }
        guard properties["LoadState"] == "loaded" else { return nil }
    }

    /// Reads its properties again.
    @discardableResult
    mutating func refresh() -> SystemPrograms.Fault? {
        let answer = programs.run(
            "systemctl", ["show", "--property=\(Self.asked.joined(separator: ","))", name])
        properties = [:]
        for line in answer.fault == nil ? answer.lines : [] {
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { properties[String(parts[0])] = String(parts[1]) }
        }
        return answer.fault
    }

    subscript(_ property: String) -> String { properties[property] ?? "" }

    /// Whether it runs or starts.
    var isActive: Bool { ["active", "reloading", "activating"].contains(self["ActiveState"]) }
    /// The daemon's process; nil if none runs.
    var process: Int? { Int(self["MainPID"]).flatMap { $0 > 0 ? $0 : nil } }

    /// Makes systemd read its files again.
    func reloadManager() -> SystemPrograms.Fault? { programs.run("systemctl", ["daemon-reload"]).fault }

    /// Restarts the unit, and waits until it is ready or has failed.
    func restart() -> SystemPrograms.Fault? {
        // The many starts in a row are not the service's fault.
        _ = programs.run("systemctl", ["reset-failed", name])
        return programs.run("systemctl", ["restart", name], isStart: true).fault
    }

    /// The service's error at its last start; without one, systemd's message.
    ///
    /// - Parameter start: the time of that start, seconds since 1970.
    func lastWords(since start: Double) -> String? {
        _ = programs.run("journalctl", ["--sync"])
        let form = ["--quiet", "--no-pager", "--output=cat"]
        // A service may have written for months before this start: its last words are enough.
        let own = programs.run(
            "journalctl", form + ["--lines=200", "_SYSTEMD_INVOCATION_ID=\(self["InvocationID"])"]
        ).lines
        // An error is followed by what to do.
        if let error = own.lastIndex(where: { $0.contains("error: ") }) {
            return own[error...].prefix(2).joined(separator: ". ")
        }
        let since = ["--unit=\(name)", "--priority=err", "--since=@\(Int(start))"]
        return programs.run("journalctl", form + since).lines.first
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
}
