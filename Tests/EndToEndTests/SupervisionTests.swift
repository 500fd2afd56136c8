import DurableFiles
import Foundation
import JSON
import Testing

/// Limits of workers, and the daemon's other tasks, with a real daemon process.
@Suite struct SupervisionTests {
    @Test(arguments: [
        (", seconds: 1", "SLOW", "worker.time_limit", 1),
        (", memory: 100M", "HUNGRY", "worker.memory_limit", 1),
        (", stalled_after: 1s, attempts: 2", "SLOW", "worker.stalled", 2),
    ])
    func `the daemon kills a worker that exceeds a limit, the error names the limit, and other jobs go on`(
        _ limits: String, _ word: String, _ code: String, _ attempts: Int
    ) throws {
        let place = try Place(limits: limits)
        for name in ["bad", "good"] { try place.drop(picture: "\(name).png") }
        try place.drop(spec: "bad.yaml", "prompt: \(word)\npriority: 5\n")
        try place.drop(spec: "good.yaml")
        #expect(try place.runOnce() == 75)
        #expect(place.names(place.outbox) == ["good"])
        let error = try #require(place.json("\(place.inbox)/failed/bad/error.json"))
        #expect(error["code"]?.string == code)
        #expect(error["attempts"]?.integer == attempts)
        #expect(place.started.count == attempts + 1)
    }

    @Test
    func
        `a picture that a waiting spec names stays, even if the daemon dies just after its job is published`()
        throws
    {
        let place = try Place()
        let files = PosixFileSystem()
        try place.drop(picture: "x.png")
        try place.drop(spec: "b.yaml", "image: x.png\nprompt: y\n")
        let (claim, making) = ("\(place.inbox)/.clipdragd/1", "\(place.outbox)/.clipdragd/1")
        for folder in [claim, making] { try files.createDirectory(folder) }
        try files.create("\(claim)/a.yaml", Array("image: x.png\nprompt: x\n".utf8), mode: 0o644)
        try files.linkOrCopy("\(place.inbox)/x.png", to: "\(claim)/x.png")
        let record =
            #"{"schema": "clipdrag-job/1", "id": "1", "name": "a", "spec": "a.yaml", "image": "x.png", "state": "publishing"}"#
        try files.create("\(claim)/.job.json", Array(record.utf8), mode: 0o644)
        try files.create("\(making)/result.png", Place.picture, mode: 0o644)
        #expect(try place.runOnce() == 0)
        #expect(place.names(place.outbox) == ["a", "b"])
        #expect(place.names(place.inbox) == ["archive"])
    }

    @Test func `a worker's child processes end with it`() throws {
        let place = try Place(limits: ", attempts: 1")
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: LITTER\n")
        #expect(try place.runOnce() == 75)
        let text = try String(contentsOfFile: "\(place.folder.path)/litter", encoding: .utf8)
        let pid = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
        // Dead, or a zombie of the process that inherited it.
        place.wait("its end") {
            let state = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            return state.map { $0.contains(") Z ") } ?? true
        }
    }

    @Test func `a damaged result is computed again, and never published`()
        throws
    {
        let place = try Place(limits: ", attempts: 2")
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: DAMAGED\n")
        #expect(try place.runOnce() == 75)
        #expect(place.started.count == 2 && place.names(place.outbox).isEmpty)
        let error = try #require(place.json("\(place.inbox)/failed/x/error.json"))
        #expect(error["code"]?.string == "worker.damaged_result" && error["attempts"]?.integer == 2)
    }

    @Test func `a slow worker that makes progress never counts as stalled`() throws {
        let place = try Place(limits: ", stalled_after: 3s")
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: STEADY\n")  // four seconds in all
        #expect(try place.runOnce() == 0)
        #expect(place.names(place.outbox) == ["x"])
        #expect(place.started.count == 1)
    }

    @Test func `a starting daemon keeps another daemon's unpublished results in a shared outbox`() throws {
        let (place, other) = (try Place(), try Place())
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: STEADY\n")
        let daemon = try place.start(once: true)
        place.wait("the start") { place.started.count == 1 }
        let start = [
            "run", "--once", "--inbox", other.inbox, "--outbox", place.outbox, "--state", other.state,
        ]
        #expect(try Program.run(start).code == 0)
        daemon.waitUntilExit()
        #expect(daemon.terminationStatus == 0)
        #expect(place.names(place.outbox) == ["x"])
        #expect(place.started.count == 1)
    }

    @Test func `an unwritable log does not end the daemon`() throws {
        let place = try Place()
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml")
        let daemon = try place.start(once: true, errors: FileHandle(forWritingAtPath: "/dev/full"))
        daemon.waitUntilExit()
        #expect(daemon.terminationReason == .exit && daemon.terminationStatus == 0)
        #expect(place.names(place.outbox) == ["x"])
    }

    @Test func `requeue returns a failed job, and keeps files whose names are taken`() throws {
        let place = try Place(limits: ", attempts: 1")
        let failed = "\(place.inbox)/failed"
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: CRASH\n")
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the failure") { place.names(failed) == ["x"] }
        let newer = Place.picture + [0]
        try Data(newer).write(to: URL(filePath: "\(place.inbox)/x.png"))
        let id = try #require(place.names("\(place.state)/history").first?.dropLast(".json".count))
        #expect(try Program.run(["requeue", String(id), "--state", place.state]).code == 0)
        place.wait("another failure, of the newer picture") { place.names(failed) == ["x", "x.2"] }
        #expect(FileManager.default.contents(atPath: "\(failed)/x.2/x.png").map { Array($0) } == newer)
        #expect(FileManager.default.contents(atPath: "\(failed)/x/x.png").map { Array($0) } == Place.picture)
    }

    @Test func `a worker whose daemon has already died ends at once`() throws {
        let (code, output, _) = try Program.run(
            ["edit-worker", "--spec", "/none", "--out", "/none", "--id", "x", "--name", "x"],
            environment: ["CLIPDRAGD_DAEMON_PID": "1"])
        #expect(code == 75)
        #expect(output.isEmpty)
    }

    @Test
    func `the hook receives each finished job, again after a failure, and the queue does not wait`()
        throws
    {
        let folder = try TemporaryFolder()
        let (program, events) = ("\(folder.path)/hook", "\(folder.path)/events")
        // Its first run fails.
        let script = """
            #!/bin/sh
            if [ ! -e '\(folder.path)/tried' ]; then touch '\(folder.path)/tried'; exit 1; fi
            tr -d '\\n' >> '\(events)'; echo >> '\(events)'
            """
        try script.write(toFile: program, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        let place = try Place(extra: "hook: \(program)\n")
        for name in ["a", "b"] { try place.drop(picture: "\(name).png") }
        try place.drop(spec: "a.yaml")
        try place.drop(spec: "b.yaml", "prompt: REFUSE\n")
        #expect(try place.runOnce() == 75)
        let records = try String(contentsOfFile: events, encoding: .utf8).split(separator: "\n").compactMap {
            JSONValue(parsing: Array($0.utf8))
        }.sorted { ($0["name"]?.string ?? "") < ($1["name"]?.string ?? "") }
        #expect(records.compactMap { $0["name"]?.string } == ["a", "b"])
        #expect(records.compactMap { $0["state"]?.string } == ["published", "failed"])
        #expect(records.last?["code"]?.string == "spec.test")
        #expect(place.names("\(place.state)/hook").isEmpty)
    }

    @Test func `a hook behind a socket gets an event again until it acknowledges it`() throws {
        let folder = try TemporaryFolder()
        let (socket, event) = ("\(folder.path)/s", "\(folder.path)/event")
        // The first time it closes the connection without an answer.
        let script = """
            import socket, sys
            s = socket.socket(socket.AF_UNIX); s.bind("s"); s.listen()
            for i in range(2):
                c = s.accept()[0]
                text = b"".join(iter(lambda: c.recv(4096), b""))
                if i: open("event", "wb").write(text); c.sendall(b"told\\n")
                c.close()
            """
        let python = Process()
        python.executableURL = URL(filePath: "/usr/bin/env")
        python.arguments = ["python3", "-c", script]
        python.currentDirectoryURL = URL(filePath: folder.path)
        try python.run()
        defer { kill(python.processIdentifier, SIGKILL) }
        let place = try Place(extra: "hook: \(socket)\n")
        place.wait("the socket") { FileManager.default.fileExists(atPath: socket) }
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml")
        #expect(try place.runOnce() == 0)
        #expect(place.json(event)?["published_as"]?.string == "x")
        #expect(place.json(event)?["verdict"]?["damage"]?.string == "slight")
        #expect(place.names("\(place.state)/hook").isEmpty)
    }

    @Test func `the metrics count how jobs end, in fifteen families at least`() throws {
        let folder = try TemporaryFolder()
        let place = try Place(extra: "metrics_file: \(folder.path)/clipdragd.prom\n")
        for name in ["a", "b", "c"] { try place.drop(picture: "\(name).png") }
        try place.drop(spec: "a.yaml")
        try place.drop(spec: "b.yaml", "prompt: REFUSE\n")
        try place.drop(spec: "c.yaml", "prompt: CRASH\n")
        #expect(try place.runOnce() == 75)
        let text = try String(contentsOfFile: "\(folder.path)/clipdragd.prom", encoding: .utf8)
        let lines = text.split(separator: "\n").map(String.init)
        for wanted in [
            "clipdragd_jobs_total{result=\"published\"} 1.0", "clipdragd_jobs_total{result=\"failed\"} 2.0",
            "clipdragd_verdicts_total{question=\"drag\",answer=\"moved\"} 1.0",
            "clipdragd_verdicts_total{question=\"text\",answer=\"visible\"} 0.0",
            "clipdragd_verdicts_total{question=\"damage\",answer=\"slight\"} 1.0",
            "clipdragd_worker_restarts_total 2.0", "clipdragd_job_duration_seconds_count 5",
            "clipdragd_queue_depth{state=\"waiting\"} 0.0", "clipdragd_config_reload_success 1.0",
            "clipdragd_failed_jobs 2.0", "clipdragd_settle_seconds_count 3",
            "clipdragd_publish_fsync_seconds_count 1", "clipdragd_inotify_overflows_total 0.0",
            "clipdragd_build_info{version=\"0.1.0\"} 1.0",
            "clipdragd_errors_total{code=\"spec.test\",type=\"job\"} 1.0",
            "clipdragd_errors_total{code=\"worker.crashed\",type=\"crash\"} 3.0",
            "clipdragd_rescans_total{reason=\"start\"} 1.0",
            "clipdragd_rescans_total{reason=\"overflow\"} 0.0",
        ] { #expect(lines.contains(wanted), "\(wanted)") }
        let families = lines.filter { $0.hasPrefix("# TYPE clipdragd_") }
        #expect(families.count >= 15 && Set(families).count == families.count)
        // Every line is a comment or one sample.
        for line in lines where !line.hasPrefix("# ") {
            #expect(
                line.wholeMatch(of: /clipdragd_[a-z_]+(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? [0-9.e+]+/)
                    != nil, "\(line)")
        }
        #expect(place.names(folder.path) == ["clipdragd.prom"])
    }

    @Test func `an orphan is overdue, once in the log and in the status`() throws {
        let place = try Place(limits: ", orphan_after: 0.5s")
        let errors = Pipe()
        let daemon = try Program.start(place.arguments, errors: errors)
        try place.drop(spec: "half.yaml")
        place.wait("the orphan") {
            guard case .array(let orphans)? = place.json("\(place.state)/status.json")?["orphans"] else {
                return false
            }
            return orphans.first?["overdue"] == .bool(true)
        }
        daemon.terminate()
        let log = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        daemon.waitUntilExit()
        #expect(log.components(separatedBy: "orphan: its picture has not come").count == 2)
        #expect(log.contains("file=half.yaml"))
    }
}
