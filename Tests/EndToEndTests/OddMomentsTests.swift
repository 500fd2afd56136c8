import DurableFiles
import Foundation
import JSON
import Testing

/// Requests, drops, removals and faults at unusual moments.
@Suite struct OddMomentsTests {
    private func waiting(_ place: Place) -> [JSONValue] {
        guard case .array(let items)? = place.json("\(place.state)/status.json")?["waiting"] else {
            return []
        }
        return items
    }

    private func ids(_ place: Place) -> [String] {
        place.names("\(place.state)/history").map { String($0.dropLast(".json".count)) }
    }

    @Test func `a spec may have the name job.json, and the daemon's error report is no spec`() throws {
        let place = try Place()
        try place.drop(picture: "job.png")
        try place.drop(spec: "job.json", "{\"prompt\": \"a cat\"}")
        try place.drop(spec: "error.json", "{}")
        try place.drop(spec: "error.txt", "no\n")
        #expect(try place.runOnce() == 0)
        #expect(place.names(place.outbox) == ["job"])
        #expect(place.names("\(place.inbox)/archive") == ["job.json", "job.png"])
        #expect(place.names(place.inbox) == ["archive", "error.json", "error.txt"])
        let why = try Program.run(["explain", "\(place.inbox)/error.json", "--config", place.config])
        #expect(why.output.contains("never touched"))
    }

    @Test func `a picture stays for a spec that came between two scans`() throws {
        let place = try Place()
        let daemon = try place.start()
        defer { daemon.terminate() }
        try place.drop(picture: "a.png")
        try place.drop(spec: "a.yaml", "prompt: STEADY\n")
        place.wait("the worker") { place.started.count == 1 }
        kill(daemon.processIdentifier, SIGSTOP)
        try place.drop(spec: "b.yaml", "image: a.png\nprompt: a cat\n")
        place.wait("the worker's end") {
            let making = "\(place.outbox)/.clipdragd"
            let ids = (try? FileManager.default.contentsOfDirectory(atPath: making)) ?? []
            return ids.contains { place.json("\(making)/\($0)/trajectory.json") != nil }
        }
        Thread.sleep(forTimeInterval: 0.5)
        kill(daemon.processIdentifier, SIGCONT)
        place.wait("both") { place.names(place.outbox) == ["a", "b"] }
        place.wait("the archive") { place.names("\(place.inbox)/archive") == ["a.png", "a.yaml", "b.yaml"] }
    }

    @Test func `a broken configuration fails no job`() throws {
        let place = try Place()
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: MISCONFIGURED\n")
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("a first try") { place.started.count == 1 }
        try Data().write(to: URL(filePath: "\(place.folder.path)/space"))
        place.wait("publishing") { place.names(place.outbox) == ["x"] }
        #expect(place.names("\(place.inbox)/failed").isEmpty)
    }

    @Test func `a reload shortens the quiet time of waiting files too`() throws {
        let place = try Place()
        let config = try String(contentsOfFile: place.config, encoding: .utf8)
        func write(_ quiet: String) throws {
            try config.replacingOccurrences(of: "quiet: 0.2s", with: "quiet: \(quiet)").write(
                toFile: place.config, atomically: true, encoding: .utf8)
        }
        try write("300s")
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the start") { place.json("\(place.state)/status.json") != nil }
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml")
        Thread.sleep(forTimeInterval: 1)
        #expect(place.started.isEmpty)
        try write("0.2s")
        kill(daemon.processIdentifier, SIGHUP)
        place.wait("publishing") { place.names(place.outbox) == ["x"] }
    }

    @Test func `after a place fails a job, the next job starts before that one is retried`() throws {
        let place = try Place()
        for name in ["a", "b"] { try place.drop(picture: "\(name).png") }
        try place.drop(spec: "a.yaml", "prompt: DISKFULL\npriority: 9\n")
        try place.drop(spec: "b.yaml")
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the neighbour") { place.names(place.outbox) == ["b"] }
        #expect(place.started == ["a.yaml", "b.yaml"])
    }

    @Test func `a worker that closes its output and works on does not make the daemon spin`() throws {
        let place = try Place()
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: SILENT\n")
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the worker") { place.started.count == 1 }
        func ticks() throws -> Int {
            let words = try String(
                contentsOfFile: "/proc/\(daemon.processIdentifier)/stat", encoding: .utf8
            ).split(separator: " ")
            return (Int(words[13]) ?? 0) + (Int(words[14]) ?? 0)
        }
        Thread.sleep(forTimeInterval: 1)
        let before = try ticks()
        Thread.sleep(forTimeInterval: 4)
        // Of four hundred; a spinning loop takes all.
        #expect(try ticks() - before < 40)
    }

    @Test func `a cancelled job does not run again, even if its inputs cannot be moved to failed at first`()
        throws
    {
        let folder = try TemporaryFolder()
        let failed = "\(folder.path)/failed"
        let place = try Place(extra: "failed: \(failed)\n")
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: SLOW\n")
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the worker") { place.started.count == 1 }
        try Data().write(to: URL(filePath: failed))  // no folder
        let claims = try FileManager.default.contentsOfDirectory(atPath: "\(place.inbox)/.clipdragd")
        let id = try #require(claims.first { $0 != "lock" })
        place.wait("the status") { (try? Program.run(["show", id, "--state", place.state]).code) == 0 }
        #expect(try Program.run(["cancel", id, "--state", place.state]).code == 0)
        Thread.sleep(forTimeInterval: 7)  // longer than the pause after a failing place
        #expect(place.started.count == 1)
        try FileManager.default.removeItem(atPath: failed)
        place.wait("its end") { place.names(failed) == ["x"] }
        #expect(place.started.count == 1)
    }

    @Test func `a daemon that is refused for its state folder changes nothing`() throws {
        let (place, other) = (try Place(), try Place())
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the start") { place.json("\(place.state)/status.json") != nil }
        // A complete unpublished result of the other inbox.
        let files = PosixFileSystem()
        let id = "1-1-abcdef-1"
        let (claim, making) = ("\(other.inbox)/.clipdragd/\(id)", "\(other.outbox)/.clipdragd/\(id)")
        for (path, text) in [
            ("\(claim)/x.yaml", "prompt: a cat\n"),
            ("\(making)/trajectory.json", "{\"job\": {\"id\": \"\(id)\"}}"),
            (
                "\(claim)/.job.json",
                "{\"schema\": \"clipdrag-job/1\", \"id\": \"\(id)\", \"name\": \"x\", \"spec\": \"x.yaml\", \"state\": \"publishing\"}"
            ),
            ("\(place.state)/history/.x.json.1.tmp", "of the daemon that runs"),
        ] {
            try files.createDirectory(parent(path))
            try files.create(path, Array(text.utf8), mode: 0o644)
        }
        let run = try Program.run([
            "run", "--once", "--inbox", other.inbox, "--outbox", other.outbox, "--state", place.state,
        ])
        #expect(run.code == 75 && run.errors.contains("another clipdragd uses this state folder"))
        #expect(place.names(other.outbox).isEmpty)
        #expect(try files.status("\(claim)/x.yaml") != nil)
        #expect(try files.status("\(place.state)/history/.x.json.1.tmp") != nil)
    }

    @Test func `requeue returns only the job's own files, and only into an existing inbox`() throws {
        let folder = try TemporaryFolder()
        let failed = "\(folder.path)/failed"
        let place = try Place(extra: "failed: \(failed)\n", limits: ", attempts: 1")
        let state = ["--state", place.state]
        let daemon = try place.start()
        defer { daemon.terminate() }
        func fail() throws -> String {
            let before = Set(ids(place))
            try place.drop(picture: "x.png")
            try place.drop(spec: "x.yaml", "prompt: CRASH\n")
            place.wait("the failure") { place.names(failed) == ["x"] && ids(place).count > before.count }
            return try #require(ids(place).first { !before.contains($0) })
        }
        let first = try fail()
        try FileManager.default.removeItem(atPath: "\(failed)/x")
        let second = try fail()
        // Its folder has the name of the first one's.
        let refused = try Program.run(["requeue", first] + state)
        #expect(refused.code == 64 && refused.errors.contains("any more"))
        let request = #"{"schema": "clipdrag-control/1", "action": "requeue", "job": "\#(first)"}"#
        try PosixFileSystem().replace(
            "\(place.state)/control/requeue \(first)", Array(request.utf8), mode: 0o644)
        place.wait("the request") { place.names("\(place.state)/control") == [] }
        #expect(place.names(failed) == ["x"])

        // The inbox is away, and another daemon has the folder at its path.
        let (another, held) = ("\(place.inbox).another", "\(folder.path)/held")
        try FileManager.default.createDirectory(
            atPath: "\(another)/.clipdragd", withIntermediateDirectories: true)
        let holder = Process()
        holder.executableURL = URL(filePath: "/usr/bin/env")
        holder.arguments = [
            "flock", "--no-fork", "\(another)/.clipdragd/lock", "sh", "-c", "touch '\(held)'; exec sleep 600",
        ]
        try holder.run()
        defer { holder.terminate() }
        place.wait("the lock") { FileManager.default.fileExists(atPath: held) }
        try FileManager.default.moveItem(atPath: place.inbox, toPath: "\(place.inbox).away")
        try FileManager.default.moveItem(atPath: another, toPath: place.inbox)
        place.wait("its absence") {
            place.json("\(place.state)/status.json")?["inboxes"]?.line.contains("\"away\"") == true
        }
        #expect(try Program.run(["requeue", second] + state).code == 0)
        place.wait("the request") { place.names("\(place.state)/control") == [] }
        #expect(place.names(place.inbox).isEmpty && place.names("\(failed)/x").contains("x.yaml"))
    }

    @Test func `in a folder with a name that is not UTF-8, specs may name their pictures`() throws {
        let folder = try TemporaryFolder()
        let files = PosixFileSystem()
        let place = PathCoding.text(Array("\(folder.path)/caf".utf8) + [0xe9])
        try files.createDirectory(place)
        try files.create("\(place)/x.png", Place.picture, mode: 0o644)
        try files.create("\(place)/y.yaml", Array("image: x.png\nprompt: a cat\n".utf8), mode: 0o644)
        let run = try Program.run(
            [],
            launcher: [
                "sh", "-c", "cd '\(folder.path)'/caf* && \"$0\" check y.yaml && \"$0\" check \"$PWD/y.yaml\"",
            ])
        #expect(run.code == 0, "\(run.errors)")
    }

    @Test func `a file name cannot forge a log line`() throws {
        let place = try Place()
        let stem = Array("x\r\nclipdragd: published\u{1b}[2J".utf8)
        try place.drop(Place.picture, as: stem + Array(".png".utf8))
        try place.drop(Array("prompt: REFUSE\n".utf8), as: stem + Array(".yaml".utf8))
        let errors = Pipe()
        let daemon = try place.start(once: true, errors: errors)
        let log = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        daemon.waitUntilExit()
        let lines = log.unicodeScalars.split(whereSeparator: { $0 == "\n" || $0 == "\r" }).map { String($0) }
        #expect(lines.contains { $0.contains("x\\x0D\\x0Aclipdragd: published\\x1B[2J") })
        #expect(!lines.contains { $0.hasPrefix("clipdragd: published\u{1b}") } && !log.contains("\u{1b}"))
        let list = try Program.run(["list", "--state", place.state])
        #expect(list.output.unicodeScalars.count { $0 == "\n" } == 2)
    }
}
