import DurableFiles
import Foundation
import Glibc
import JSON
import Testing

/// `clipdragd add-inbox`, with a stand-in for systemd. Under the real one: scripts/test-systemd.sh.
@Suite struct AddInboxTests {
    private let files = PosixFileSystem()

    private func code(_ run: (code: Int32, output: String, errors: String)) -> String? {
        JSONValue(parsing: Array(run.output.utf8))?["code"]?.string
    }

    @Test func `add-inbox adds an inbox, restarts the service and checks it; a repeat changes nothing`()
        throws
    {
        let systemd = try StandInSystemd()
        let place = systemd.place
        try systemd.start()
        let folder = "\(place.folder.path)/made/my \"edits\": 50%"
        let run = try systemd.add(folder, "--priority", "7", "--json")
        #expect(run.code == 0, "\(run.errors)")
        let answer = try #require(JSONValue(parsing: Array(run.output.utf8)))
        #expect(answer["inbox"]?.string == folder && answer["unit"]?.string == "test.service")
        #expect(answer["watch"]?.string?.isEmpty == false && answer["checked"] == .bool(true))
        let piece = try #require(answer["piece"]?.string)
        let dropIn = try #require(answer["drop_in"]?.string)
        #expect(parent(piece) == "\(place.folder.path)/config.d")
        #expect(dropIn == "\(systemd.units)/test.service.d/inbox-\(stem(lastComponent(piece))).conf")
        #expect(
            try systemd.text(dropIn).contains(
                "\nReadWritePaths=\"-\(place.folder.path)/made/my \\\"edits\\\": 50%%\"\n"))
        let mode = try FileManager.default.attributesOfItem(atPath: folder)[.posixPermissions] as? Int
        #expect(mode == 0o3770)
        #expect(try systemd.calls() == ["daemon-reload", "reset-failed", "restart"])

        // The daemon uses it as an inbox.
        try Data(Place.picture).write(to: URL(filePath: "\(folder)/x.png"))
        try files.create("\(folder)/x.yaml", Array("prompt: a cat\n".utf8), mode: 0o644)
        place.wait("the edit") { place.names(place.outbox) == ["x"] }

        let before = try [piece, dropIn].map { try files.status($0) }
        let again = try systemd.add(folder + "/", "--priority", "7", "--json")
        #expect(again.output == run.output && again.code == 0)
        #expect(try [piece, dropIn].map { try files.status($0) } == before)
        #expect(try systemd.calls() == [])
        // Other options change it.
        #expect(try systemd.add(folder, "--watch", "poll").output.contains("watched by test.service (poll)"))
        #expect(try systemd.text(piece).contains("watch: poll, priority: 0"))
        #expect(try systemd.calls() == ["daemon-reload", "reset-failed", "restart"])
    }

    @Test func `add-inbox bind-mounts a folder below a home, also one behind a symbolic link`() throws {
        guard getuid() == 0, !FileManager.default.fileExists(atPath: "/home/clipdragd-test") else { return }
        defer { try? files.removeTree("/home/clipdragd-test") }
        let systemd = try StandInSystemd(protects: "yes")
        symlink("/home/clipdragd-test", "\(systemd.place.folder.path)/link")
        try files.createDirectory("/home/clipdragd-test")
        let run = try systemd.add("\(systemd.place.folder.path)/link/in", "--json")
        let answer = try #require(JSONValue(parsing: Array(run.output.utf8)), "\(run.errors)")
        #expect(answer["inbox"]?.string == "/home/clipdragd-test/in")
        let text = try systemd.text(try #require(answer["drop_in"]?.string))
        #expect(text.contains("ProtectHome=tmpfs\nBindPaths=\"-/home/clipdragd-test/in\"\n"))
    }

    @Test func `add-inbox undoes its changes if the service does not watch the inbox`() throws {
        let (systemd, other) = (try StandInSystemd(), try Place())
        let daemon = try other.start()
        defer { daemon.terminate() }
        other.wait("the other daemon") { other.json("\(other.state)/status.json") != nil }
        try systemd.start()
        let run = try systemd.add(other.inbox, "--json")
        #expect(run.code == 73 && code(run) == "inbox.refused")
        #expect(run.errors.contains("another clipdragd watches this inbox"))
        #expect(run.errors.hasSuffix("The command undid its changes, and the service runs.\n"))
        #expect(try systemd.written() == [])
        let status = systemd.place.json("\(systemd.place.state)/status.json")
        #expect(status?["pid"]?.integer == systemd.process.map(Int.init))
        guard case .array(let inboxes)? = status?["inboxes"] else {
            Issue.record("no inboxes")
            return
        }
        #expect(inboxes.compactMap { $0["path"]?.string } == [systemd.place.inbox])
    }

    @Test(arguments: [true, false])
    func `add-inbox fails if the service sees another folder at the path, or none`(_ isThere: Bool) throws {
        guard getuid() == 0 else { return }  // only root can hide a folder
        let systemd = try StandInSystemd()
        let hidden = "\(systemd.place.folder.path)/hidden"
        try files.createDirectory(hidden)
        try files.create("\(systemd.place.folder.path)/hide", Array(hidden.utf8), mode: 0o644)
        if isThere { try files.create("\(systemd.place.folder.path)/show", Array("in".utf8), mode: 0o644) }
        try systemd.start()
        let run = try systemd.add("\(hidden)/in", "--json")
        #expect(run.code == 73 && code(run) == "inbox.refused")
        #expect(run.errors.contains(isThere ? "it sees another folder there" : "it sees no folder there"))
        #expect(try systemd.written() == [])
        #expect(try files.status("\(hidden)/in") == nil)
    }

    @Test func `add-inbox refuses a folder that the service's user cannot use, and changes nothing`() throws {
        guard getuid() == 0 else { return }  // only root can ask for another user
        let systemd = try StandInSystemd(user: "nobody")
        try systemd.start()
        _ = try systemd.calls()
        let theirs = "/var/tmp/clipdragd-\(UUID().uuidString)"
        try files.createDirectory(theirs)
        defer { try? files.removeTree(theirs) }
        chmod(theirs, 0o750)
        let run = try systemd.add(theirs, "--json")
        #expect(run.code == 73 && code(run) == "file.access")
        #expect(run.errors.contains("the user nobody may not write there (root:root, mode 750)"))
        #expect(run.errors.contains("setfacl -m u:nobody:rwx '\(theirs)'"))
        #expect(try systemd.calls() == [])
        #expect(try systemd.written() == [])
        // The service owns a folder that the command makes, unless a parent folder is closed.
        let run2 = try systemd.add("\(theirs)/in", "--json")
        #expect(run2.code == 73 && run2.errors.contains("a folder above it keeps the user nobody out"))
        #expect(try files.status("\(theirs)/in") == nil)
        chmod(theirs, 0o751)
        #expect(try systemd.add("\(theirs)/in").code == 0)
        #expect(
            try FileManager.default.attributesOfItem(atPath: "\(theirs)/in")[.ownerAccountName] as? String
                == "nobody")
    }

    @Test func `add-inbox does not start a stopped service; a repeat checks it once it runs`() throws {
        let systemd = try StandInSystemd()
        let folder = "\(systemd.place.folder.path)/more"
        let run = try systemd.add(folder)
        #expect(
            run.code == 0 && run.output.contains("test.service does not run, so the inbox is not checked"))
        #expect(try systemd.calls() == ["daemon-reload"])
        try systemd.start()
        _ = try systemd.calls()
        #expect(try systemd.add(folder).output.contains("watched by test.service"))
        #expect(try systemd.calls() == [])
    }

    @Test func `without systemd add-inbox changes the configuration and notes the rest`() throws {
        let systemd = try StandInSystemd()
        let place = systemd.place
        let none = try systemd.add("\(place.folder.path)/a", environment: ["PATH": "/nowhere"])
        #expect(none.code == 0 && none.output.contains("systemd does not know test.service"))
        let unknown = try Program.run(
            ["add-inbox", "\(place.folder.path)/b", "--config", place.config, "--json"],
            environment: systemd.environment)
        let answer = JSONValue(parsing: Array(unknown.output.utf8))
        #expect(answer?["unit"] == .null && answer?["drop_in"] == .null && answer?["checked"] == .bool(false))
        #expect(unknown.output.contains("no unit was named (--unit)"))
        #expect(try files.status(systemd.units) == nil)
        let check = try Program.run(["check-config", place.config])
        for name in ["a", "b"] {
            #expect(check.output.contains("  inbox      \(place.folder.path)/\(name), auto"))
        }
    }

    @Test func `add-inbox refuses impossible requests`() throws {
        let systemd = try StandInSystemd()
        let place = systemd.place
        func refused(_ folder: String, _ options: String...) throws -> String {
            let run = try Program.run(
                ["add-inbox", folder, "--json"] + (options.isEmpty ? ["--config", place.config] : options),
                environment: systemd.environment)
            #expect(run.errors.split(separator: "\n").count >= 2)
            return "\(run.code) \(code(run) ?? "")"
        }
        #expect(try refused("in") == "64 config.relative_path")
        #expect(try refused("/srv/a\nb") == "64 command.usage")
        #expect(try refused("/srv/a", "--priority", "2000") == "64 command.usage")
        for folder in [place.inbox, "\(place.inbox)/sub", place.folder.path, "\(place.outbox)/x"] {
            #expect(try refused(folder) == "78 config.overlap")
        }
        symlink(place.inbox, "\(place.folder.path)/link")
        #expect(try refused("\(place.folder.path)/link") == "78 config.overlap")
        #expect(try refused("\(place.folder.path)/x", "--config", "/nowhere.yaml") == "66 config.missing")
        #expect(try refused(place.config) == "73 file.open")
        let lock = try FolderLock(place.folder.path)
        #expect(try refused("\(place.folder.path)/x") == "75 file.flock")
        withExtendedLifetime(lock) {}
    }

    @Test func `add-inbox does not change an unreadable configuration`() throws {
        let systemd = try StandInSystemd()
        try files.createDirectory("\(systemd.place.folder.path)/config.d")
        let bad = "\(systemd.place.folder.path)/config.d/bad.yaml"
        try files.create(bad, Array("worker: 1\n".utf8), mode: 0o644)
        let run = try systemd.add("\(systemd.place.folder.path)/x")
        #expect(run.code == 78 && run.errors.hasPrefix("\(bad):1:1: error: "))
        #expect(try files.status("\(systemd.place.folder.path)/x") == nil)
    }
}

/// Scripts in place of systemctl(1) and journalctl(1), for a unit test.service that runs the daemon of a `Place`. The daemon
/// sees an empty folder in place of the one that the file `hide` names, or one with a folder of the name in the file `show`.
private final class StandInSystemd {
    let place: Place
    var units: String { "\(place.folder.path)/units" }
    var environment: [String: String] {
        [
            "PATH":
                "\(place.folder.path)/bin:\(ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin")",
            "CLIPDRAGD_UNITS": units, "CLIPDRAGD_WORKER": "\(place.folder.path)/worker",
        ]
    }

    init(user: String = "$(id -un)", protects: String = "no") throws {
        place = try Place()
        let systemctl = """
            #!/bin/sh
            cd '\(place.folder.path)' || exit 1
            lives() { [ -r "/proc/$1/status" ] && ! grep -q '^State:.Z' "/proc/$1/status"; }
            pid=$(cat pid 2>/dev/null || echo 0)
            verb=$1
            case "$verb" in
            show)
              for unit; do :; done
              [ "$unit" = test.service ] || { echo LoadState=not-found; exit; }
              lives "$pid" && state=active || { state=inactive; pid=0; }
              printf '%s\\n' LoadState=loaded ActiveState=$state MainPID=$pid "User=\(user)" InvocationID=1 \\
                ProtectHome=\(protects) PrivateTmp=\(protects)
              exit;;
            restart)
              if lives "$pid"; then kill "$pid"; while lives "$pid"; do sleep 0.05; done; fi
              set -- '\(Program.path)' run --config '\(place.config)' --state '\(place.state)'
              if [ -e hide ]; then
                set -- unshare -m sh -c 'mount -t tmpfs none "$(cat hide)" && mkdir -p "$(cat hide)/$(cat show 2>/dev/null)" && exec "$@"' sh "$@"
              fi
              # Foundation waits until all have closed what its child has inherited; a daemon of systemd has inherited nothing.
              set -- python3 -c 'import os, sys; os.closerange(3, 65536); os.execvp(sys.argv[1], sys.argv[1:])' "$@"
              "$@" </dev/null >/dev/null 2>log &
              echo $! >pid
              until grep -q "\\"pid\\": $!," state/status.json 2>/dev/null; do lives $! || exit 1; sleep 0.05; done;;
            esac
            echo "$verb" >>calls
            """
        let journalctl = """
            #!/bin/sh
            case "$*" in *_SYSTEMD_INVOCATION_ID=1) cat '\(place.folder.path)/log';; esac
            """
        try PosixFileSystem().createDirectory("\(place.folder.path)/bin")
        for (name, text) in [("systemctl", systemctl), ("journalctl", journalctl)] {
            try PosixFileSystem().create("\(place.folder.path)/bin/\(name)", Array(text.utf8), mode: 0o755)
        }
    }

    deinit {
        guard let process, kill(process, SIGTERM) == 0 else { return }
        // Not a child of this process: it has ended when its command line is empty.
        for _ in 0..<200 where (try? PosixFileSystem().read("/proc/\(process)/cmdline").isEmpty) == false {
            usleep(20_000)
        }
    }

    /// The daemon's process.
    var process: pid_t? { (try? text("\(place.folder.path)/pid")).flatMap { pid_t($0.dropLast()) } }

    func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    /// Starts the unit.
    func start() throws {
        let process = Process()
        process.executableURL = URL(filePath: "\(place.folder.path)/bin/systemctl")
        process.arguments = ["restart", "test.service"]
        process.environment = environment
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        _ = try calls()
    }

    func add(_ words: String..., environment: [String: String] = [:]) throws -> (
        code: Int32, output: String, errors: String
    ) {
        try Program.run(
            ["add-inbox", "--config", place.config, "--unit", "test"] + words,
            environment: self.environment.merging(environment) { $1 })
    }

    /// The changing systemctl commands since the last call.
    func calls() throws -> [String] {
        let path = "\(place.folder.path)/calls"
        guard let text = try? text(path) else { return [] }
        try PosixFileSystem().remove(path)
        return text.split(separator: "\n").map(String.init)
    }

    /// Files and folders that a command may have left.
    func written() throws -> [String] {
        ["\(place.folder.path)/config.d", units].filter { FileManager.default.fileExists(atPath: $0) }
    }
}
