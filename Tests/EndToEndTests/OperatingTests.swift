import DurableFiles
import Foundation
import Glibc
import JSON
import Testing

/// The operating commands, as an administrator uses them.
@Suite struct OperatingTests {
    private func history(_ place: Place, _ name: String) throws -> JSONValue {
        let records = place.names("\(place.state)/history").compactMap {
            place.json("\(place.state)/history/\($0)")
        }
        return try #require(records.last { $0["name"]?.string == name })
    }

    private func waiting(_ place: Place) -> [JSONValue] {
        guard case .array(let items)? = place.json("\(place.state)/status.json")?["waiting"] else {
            return []
        }
        return items
    }

    @Test func `explain has an answer for every state`() throws {
        let place = try Place()
        let state = ["--state", place.state]
        func explain(_ path: String, _ more: [String] = []) throws -> (state: String, text: String) {
            let run = try Program.run(["explain", path, "--json"] + state + more)
            let answer = try #require(JSONValue(parsing: Array(run.output.utf8)), "\(run)")
            return (answer["state"]?.string ?? "", answer["explanation"]?.string ?? "")
        }
        func inInbox(_ name: String) throws -> (state: String, text: String) {
            try explain("\(place.inbox)/\(name)")
        }
        // No daemon has run: the configuration names the inboxes.
        #expect(try inInbox("x.yaml").text.contains("No inbox is known"))
        try place.drop(picture: "early.png")
        try place.drop(spec: "early.yaml")
        let early = try explain("\(place.inbox)/early.yaml", ["--config", place.config])
        #expect(
            early.state == "settling" || (early.state == "ready" && early.text.contains("no daemon runs")))
        for name in ["early.png", "early.yaml"] { unlink("\(place.inbox)/\(name)") }

        #expect(try Program.run(["pause"] + state).errors.contains("its next start does this"))
        let daemon = try place.start()
        defer { daemon.terminate() }
        for name in ["done", "bad", "slow", "kept"] { try place.drop(picture: "\(name).png") }
        try place.drop(spec: "done.yaml", "prompt: x\npriority: 9\n")
        try place.drop(spec: "bad.yaml", "prompt: REFUSE\npriority: 8\n")
        try place.drop(spec: "slow.yaml", "prompt: SLOW\n")
        try place.drop(spec: "kept.yaml", "prompt: x\npriority: 7\n")
        try place.drop(spec: "half.yaml")
        try place.drop(picture: "alone.png")
        try place.drop(picture: "part.png.part")
        place.wait("the claims") { waiting(place).count == 4 }

        let waits = try inInbox("bad.yaml")
        #expect(waits.state == "waiting")
        #expect(waits.text.contains("as number 2 of 4") && waits.text.contains("now: paused"))
        #expect(try inInbox("bad.png").state == "waiting")  // its picture is still there
        for name in ["half.yaml", "alone.png"] {
            place.wait("\(name) to be whole") { (try? inInbox(name).state) == "orphan" }
        }
        #expect(try inInbox("part.png.part").state == "ignored")
        #expect(try inInbox("never.yaml").state == "absent")
        #expect(
            try explain("/etc/passwd").text
                == "/etc is no inbox; the daemon does not scan sub-folders of inboxes."
        )

        let kept = try #require(waiting(place).first { $0["name"]?.string == "kept" }?["id"]?.string)
        #expect(try Program.run(["hold", kept] + state).code == 0)
        place.wait("the hold") { (try? inInbox("kept.yaml").state) == "held" }
        #expect(try Program.run(["resume"] + state).code == 0)
        place.wait("the slow one") { (try? inInbox("slow.yaml").state) == "running" }
        place.wait("its step") {
            (try? inInbox("slow.yaml").text.contains("is being edited: drag, step 1 of 2")) == true
        }

        let published = try inInbox("done.yaml")
        #expect(published.state == "published" && published.text.contains("\(place.outbox)/done"))
        #expect(try inInbox("done.png").state == "published")
        #expect(try explain("\(place.inbox)/archive/done.png").state == "published")
        #expect(try explain("\(place.outbox)/done/result.png").state == "published")
        let failed = try inInbox("bad.yaml")
        #expect(failed.state == "failed" && failed.text.contains("failed: no. do"))
        #expect(
            try explain("\(place.inbox)/failed/bad").text
                == failed.text.replacingOccurrences(of: "bad.yaml", with: "bad"))
    }

    @Test func `a request that does not fit the job's state is refused with a hint`() throws {
        let place = try Place()
        let state = ["--state", place.state]
        for name in ["done", "bad", "slow", "next"] { try place.drop(picture: "\(name).png") }
        try place.drop(spec: "done.yaml", "prompt: x\npriority: 9\n")
        try place.drop(spec: "bad.yaml", "prompt: REFUSE\npriority: 8\n")
        try place.drop(spec: "slow.yaml", "prompt: SLOW\npriority: 7\n")
        try place.drop(spec: "next.yaml")
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("two ends and the slow one") {
            place.names("\(place.state)/history").count == 2 && place.started.last == "slow.yaml"
        }
        let (done, bad) = try (history(place, "done"), history(place, "bad"))
        func id(_ record: JSONValue?) throws -> String { try #require(record?["id"]?.string) }
        var running: JSONValue? {
            guard case .array(let items)? = place.json("\(place.state)/status.json")?["running"] else {
                return nil
            }
            return items.first
        }
        place.wait("the status") { running != nil && waiting(place).count == 1 }
        func refused(_ verb: String, _ job: JSONValue?) throws -> String? {
            let run = try Program.run([verb, try id(job), "--json"] + state)
            #expect(run.code == 64)
            let error = JSONValue(parsing: Array(run.output.utf8))
            #expect(error?["code"]?.string == "job.state")
            return error?["message"]?.string
        }
        for verb in ["hold", "release", "cancel", "requeue"] {
            #expect(try refused(verb, done)?.hasSuffix("was published") == true)
        }
        for verb in ["hold", "release", "cancel"] {
            #expect(try refused(verb, bad)?.hasSuffix("has failed") == true)
        }
        for verb in ["hold", "release"] {
            #expect(try refused(verb, running)?.hasSuffix("is running") == true)
        }
        #expect(try refused("requeue", waiting(place).first)?.hasSuffix("has not failed") == true)
        #expect(try Program.run(["requeue", try id(bad)] + state).code == 0)
        place.wait("its return") { place.names("\(place.inbox)/failed").isEmpty }
        #expect(try refused("requeue", bad)?.contains("any more") == true)
    }

    @Test func `status shows any user that the daemon lives, and why it starts nothing`() throws {
        let place = try Place(isOpen: true)
        let state = ["--state", place.state]
        let daemon = try place.start()
        place.wait("the start") { place.json("\(place.state)/status.json") != nil }
        func status() throws -> String { try Program.run(["status"] + state).output }
        #expect(try status().contains("daemon     running, process \(daemon.processIdentifier)"))
        #expect(try status().contains("inbox      \(place.inbox), "))
        if getuid() == 0 {
            let run = try ProgramOfNobody().run(["status"] + state)
            #expect(run.output.contains("daemon     running"), "\(run.errors)")
        }
        for (verb, word) in [("pause", "paused"), ("resume", ""), ("drain", "draining")] {
            #expect(try Program.run([verb] + state).code == 0)
            place.wait(verb) {
                (try? status().split(separator: "\n").first?.hasSuffix(
                    word.isEmpty ? "\(daemon.processIdentifier)" : "(\(word))")) == true
            }
        }
        kill(daemon.processIdentifier, SIGKILL)
        daemon.waitUntilExit()
        #expect(try status().contains("daemon     not running"))
    }

    @Test func `status --watch prints each change, into a pipe too`() throws {
        let place = try Place()
        let daemon = try place.start()
        place.wait("the start") { place.json("\(place.state)/status.json") != nil }
        let output = Pipe()
        let watch = try Program.start(
            ["status", "--watch", "--json", "--state", place.state], output: output)
        defer { watch.terminate() }
        func next() -> JSONValue? { JSONValue(parsing: Array(output.fileHandleForReading.availableData)) }
        #expect(next()?["alive"] == .bool(true))
        try place.drop(spec: "half.yaml")
        #expect(next()?["orphans"] != .array([]))
        daemon.terminate()
        #expect(next()?["alive"] == .bool(false))
    }

    @Test func `two daemons cannot share a state folder, and a missing configuration file is an error`()
        throws
    {
        let place = try Place()
        let other = try Place()
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the start") { place.json("\(place.state)/status.json") != nil }
        let run = try Program.run([
            "run", "--once", "--json", "--inbox", other.inbox, "--outbox", other.outbox, "--state",
            place.state,
        ])
        #expect(run.code == 75)
        #expect(JSONValue(parsing: Array(run.output.utf8))?["code"]?.string == "state.locked")
        for words in [["check-config", "/nowhere.yaml"], ["run", "--once", "--config", "/nowhere.yaml"]] {
            let missing = try Program.run(words)
            #expect(missing.code == 66)
            #expect(
                missing.errors
                    == "/nowhere.yaml: error: open failed: No such file or directory\nCheck the path.\n")
        }
    }

    @Test func `--json applies to usage errors, the version and the daemon's log`() throws {
        let usage = try Program.run(["hold", "--json"])
        #expect(usage.code == 64)
        let error = JSONValue(parsing: Array(usage.output.utf8))
        #expect(error?["code"]?.string == "command.usage")
        #expect(error?["message"]?.string == "Missing expected argument '<job>'")
        #expect(
            try Program.run(["--version", "--json"]).output
                == "{\"schema\":\"clipdrag-version/1\",\"version\":\"0.1.0\"}\n")
        let place = try Place()
        let run = try Program.run(place.arguments + ["--once", "--json"])
        let lines = run.output.split(separator: "\n").map { JSONValue(parsing: Array($0.utf8)) }
        #expect(run.code == 0 && lines.first??["event"]?.string == "ready")
        #expect(lines.allSatisfy { $0?["message"]?.string != nil && $0?["level"] != nil })
    }

    @Test func `a command whose output is not written whole says so, and one without a reader does not`()
        throws
    {
        func run(_ output: String) throws -> (code: Int32, output: String, errors: String) {
            try Program.run(
                ["models", "list"], launcher: ["sh", "-c", "exec \"$0\" \"$@\" \(output)"])
        }
        let full = try run(">/dev/full")
        #expect(full.code == 74)
        #expect(
            full.errors
                == "error: the output could not be written whole\nFree some space where it goes.\n")
        #expect(try run(">&-").code == 0)
    }

    @Test func `check completes when memory is short`() throws {
        // OpenBLAS would look for memory for ever when its threads are joined at the exit.
        let folder = try TemporaryFolder()
        try "prompt: x\n".write(toFile: "\(folder.path)/x.yaml", atomically: true, encoding: .utf8)
        let run = try Program.run(
            ["check", "\(folder.path)/x.yaml"],
            launcher: ["timeout", "60", "prlimit", "--data=\(90 << 20)", "--"])
        #expect(run.code == 0 && run.output.contains("x.yaml: good"))
    }

    @Test func `a marker settles its files, and the claim removes it`() throws {
        let place = try Place()
        let config = try String(contentsOfFile: place.config, encoding: .utf8)
        try config.replacingOccurrences(of: "quiet: 0.2s", with: "quiet: 300s").write(
            toFile: place.config, atomically: true, encoding: .utf8)
        let daemon = try place.start()
        defer { daemon.terminate() }
        for name in ["a", "b", "c"] {
            try place.drop(picture: "\(name).png")
            try place.drop(spec: "\(name).yaml")
        }
        try place.drop(spec: "a.ready", "")
        for name in ["b.png.ready", "b.yaml.ready", "c.png.ready"] { try place.drop(spec: name, "") }
        place.wait("the marked ones") { place.names(place.outbox) == ["a", "b"] }
        #expect(place.started.sorted() == ["a.yaml", "b.yaml"])
        place.wait("the archive") {
            place.names(place.inbox) == ["archive", "c.png", "c.png.ready", "c.yaml"]
        }
    }

    @Test func `without free kernel watches the daemon polls the inbox and logs that`() throws {
        let place = try Place()
        func run(_ limit: String, _ words: [String]) throws -> (code: Int32, output: String, errors: String) {
            try Program.run(
                words,
                launcher: [
                    "timeout", "60", "unshare", "-Ur", "sh", "-c",
                    "echo 0 > /proc/sys/user/max_inotify_\(limit) && exec \"$0\" \"$@\"",
                ])
        }
        for limit in ["instances", "watches"] {
            let polled = try run(limit, place.arguments + ["--once"])
            #expect(polled.code == 0 && polled.errors.contains("the inbox is polled every 2 seconds"))
            guard case .array(let inboxes)? = place.json("\(place.state)/status.json")?["inboxes"] else {
                Issue.record("no inboxes")
                return
            }
            #expect(inboxes.first?["watch"]?.string == "poll")
        }
        let config = try String(contentsOfFile: place.config, encoding: .utf8)
        try config.replacingOccurrences(of: "\(place.inbox)}", with: "\(place.inbox), watch: inotify}").write(
            toFile: place.config, atomically: true, encoding: .utf8)
        let refused = try run("instances", place.arguments + ["--once"])
        #expect(refused.code == 73 && refused.errors.contains("Raise fs.inotify.max_user_watches"))
    }

    @Test
    func `a reload with clashing folders is refused, and one with other folders logs when they take effect`()
        throws
    {
        let place = try Place()
        let errors = Pipe()
        let daemon = try place.start(errors: errors)
        place.wait("the start") { place.json("\(place.state)/status.json") != nil }
        let config = try String(contentsOfFile: place.config, encoding: .utf8)
        func reload(_ text: String) throws {
            try text.write(toFile: place.config, atomically: true, encoding: .utf8)
            kill(daemon.processIdentifier, SIGHUP)
        }
        var log = ""
        func read(until words: String) {
            while !log.contains(words) {
                let data = errors.fileHandleForReading.availableData
                if data.isEmpty { break }
                log += String(decoding: data, as: UTF8.self)
            }
            #expect(log.contains(words))
        }
        try reload(config + "archive: \(place.inbox)\n")
        read(until: "the old configuration stays: what is put away")
        try reload(
            config.replacingOccurrences(of: "outbox: \(place.outbox)", with: "outbox: \(place.outbox)2"))
        read(until: "take effect at the next start")
        read(until: "configuration reloaded")
        daemon.terminate()
        daemon.waitUntilExit()
    }

    @Test func `a removed hook does not keep once from ending`() throws {
        let place = try Place()
        let files = PosixFileSystem()
        try files.createDirectory("\(place.state)/hook")
        try files.create("\(place.state)/hook/1.json", Array("{}".utf8), mode: 0o600)
        let run = try Program.run(place.arguments + ["--once"], launcher: ["timeout", "30"])
        #expect(run.code == 0)
    }

    @Test func `published files have the configured mode and group, whatever the umask`() throws {
        let place = try Place(extra: "output_mode: \"0640\"\n")
        chmod(place.outbox, 0o2775)
        let isRoot = getuid() == 0
        if isRoot { chown(place.outbox, 0, 65534) }
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml")
        let worker = "\(place.folder.path)/worker"
        let run = try Program.run(
            place.arguments + ["--once"], environment: ["CLIPDRAGD_WORKER": worker],
            launcher: ["sh", "-c", "umask 077 && exec \"$0\" \"$@\""])
        #expect(run.code == 0)
        for (name, mode) in [("x", 0o750), ("x/result.png", 0o640), ("x/trajectory.json", 0o640)] {
            let found = try FileManager.default.attributesOfItem(atPath: "\(place.outbox)/\(name)")
            #expect((found[.posixPermissions] as? Int ?? 0) & 0o777 == mode, "\(name)")
            if isRoot { #expect(found[.groupOwnerAccountID] as? Int == 65534, "\(name)") }
        }
    }

    @Test func `as many edits run at once as the configuration allows, in a polled inbox too`() throws {
        let place = try Place(extra: "workers: 3\n")
        let config = try String(contentsOfFile: place.config, encoding: .utf8)
        try config.replacingOccurrences(of: "\(place.inbox)}", with: "\(place.inbox), watch: poll}").write(
            toFile: place.config, atomically: true, encoding: .utf8)
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the start") { place.json("\(place.state)/status.json") != nil }
        for name in "abcd" {
            try place.drop(picture: "\(name).png")
            try place.drop(spec: "\(name).yaml", "prompt: SLOW\n")
        }
        func count(_ key: String) -> Int {
            guard case .array(let items)? = place.json("\(place.state)/status.json")?[key] else { return -1 }
            return items.count
        }
        place.wait("three to run and one to wait") { count("running") == 3 && count("waiting") == 1 }
        place.wait("their starts") { place.started.count == 3 }
    }

    @Test func `commands find the user's own configuration and state`() throws {
        guard getuid() == 0 else { return }  // root's are elsewhere, and only root can be another user here
        let folder = try TemporaryFolder(isOpen: true)
        let files = PosixFileSystem()
        try files.createDirectory("\(folder.path)/config/clipdragd")
        try files.createDirectory("\(folder.path)/state")
        for name in ["in", "out"] { try files.createDirectory("\(folder.path)/\(name)") }
        for name in ["in", "out", "state"] { chown("\(folder.path)/\(name)", 65534, 65534) }
        let text =
            "inboxes: [{path: \(folder.path)/in}]\noutbox: \(folder.path)/out\ndefaults: {preset: quick}\n"
        try files.create("\(folder.path)/config/clipdragd/config.yaml", Array(text.utf8), mode: 0o644)
        let environment = [
            "XDG_CONFIG_HOME": "\(folder.path)/config", "XDG_STATE_HOME": "\(folder.path)/state",
            "STATE_DIRECTORY": "",
        ]
        let nobody = try ProgramOfNobody()
        let good = try nobody.run(["check-config"], environment: environment)
        #expect(good.output.hasPrefix("\(folder.path)/config/clipdragd/config.yaml: good"))
        let run = try nobody.run(["run", "--once"], environment: environment)
        #expect(run.code == 0, "\(run.errors)")
        #expect(try files.status("\(folder.path)/state/clipdragd/status.json") != nil)
        try files.create("\(folder.path)/x.yaml", Array("prompt: x\n".utf8), mode: 0o644)
        let check = try nobody.run(["check", "\(folder.path)/x.yaml", "--json"], environment: environment)
        #expect(JSONValue(parsing: Array(check.output.utf8))?["preset"]?.string == "quick")
    }
}
