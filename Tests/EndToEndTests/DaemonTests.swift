import DurableFiles
import Foundation
import JSON
import Testing

/// The real daemon, as a process, with a stand-in for the worker.
@Suite struct DaemonTests {
    @Test
    func `pairs in either order, and several specs of one picture, are each published once and archived`()
        throws
    {
        let place = try Place()
        try place.drop(picture: "a.png")
        try place.drop(spec: "a.yaml")
        let daemon = try place.start()
        place.wait("a") { place.names(place.outbox) == ["a"] }
        try place.drop(spec: "b.yml")
        Thread.sleep(forTimeInterval: 0.4)
        try place.drop(picture: "B.JPG")
        place.wait("b") { place.names(place.outbox) == ["a", "b"] }
        try place.drop(spec: "c-smile.yaml", "image: c.png\nprompt: x\n")
        try place.drop(spec: "c-frown.json", "{\"image\": \"c.png\", \"prompt\": \"y\"}")
        try place.drop(picture: "c.png")
        place.wait("both of c") { place.names(place.outbox) == ["a", "b", "c-frown", "c-smile"] }
        place.wait("archive") { place.names("\(place.inbox)/archive").count == 7 }
        #expect(
            place.names("\(place.inbox)/archive") == [
                "B.JPG", "a.png", "a.yaml", "b.yml", "c-frown.json", "c-smile.yaml", "c.png",
            ])
        #expect(place.names(place.inbox) == ["archive"])
        #expect(place.started.count == 4)
        daemon.terminate()
        daemon.waitUntilExit()
        #expect(daemon.terminationStatus == 0)
    }

    @Test func `run --once completes all jobs, and its exit code says whether all were published`() throws {
        let place = try Place()
        #expect(try place.runOnce() == 0)
        for i in 0..<20 {
            try place.drop(picture: "p\(i).png")
            try place.drop(spec: "p\(i).yaml")
        }
        #expect(try place.runOnce() == 0)
        #expect(place.names(place.outbox).count == 20)
        try place.drop(spec: "lonely.yaml")
        #expect(try place.runOnce() == 75)
        #expect(place.names(place.inbox).contains("lonely.yaml"))
        try place.drop(picture: "lonely.png")
        try place.drop(spec: "bad.yaml", "image: lonely.png\nprompt: REFUSE\n")
        #expect(try place.runOnce() == 75)
        #expect(place.names(place.outbox).contains("lonely"))
        #expect(place.names("\(place.inbox)/failed") == ["bad"])
    }

    @Test func `a refused job lies below failed with its error, and other jobs go on`() throws {
        let place = try Place()
        for name in ["bad", "good"] { try place.drop(picture: "\(name).png") }
        try place.drop(spec: "bad.yaml", "prompt: REFUSE\npriority: 5\n")
        try place.drop(spec: "good.yaml")
        #expect(try place.runOnce() == 75)
        #expect(place.names(place.outbox) == ["good"])
        let failed = "\(place.inbox)/failed/bad"
        #expect(place.names(failed) == ["bad.png", "bad.yaml", "error.json", "error.txt"])
        let error = try #require(place.json("\(failed)/error.json"))
        #expect(error["schema"]?.string == "clipdrag-error/1")
        #expect(error["code"]?.string == "spec.test")
        #expect(error["attempts"]?.integer == 1)
        #expect(place.started == ["bad.yaml", "good.yaml"])
        // Only the spec was wrong: a corrected spec runs at once.
        try place.drop(spec: "bad.yaml")
        #expect(try place.runOnce() == 0)
        #expect(place.names(place.outbox) == ["bad", "good"])
    }

    @Test func `a job whose worker crashes runs three times and then fails`() throws {
        let place = try Place()
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: CRASH\n")
        #expect(try place.runOnce() == 75)
        #expect(place.started.count == 3)
        let error = try #require(place.json("\(place.inbox)/failed/x/error.json"))
        #expect(error["code"]?.string == "worker.crashed")
        #expect(error["attempts"]?.integer == 3)
    }

    @Test
    func `a full disk postpones the job without counting an attempt, and the job then goes on by itself`()
        throws
    {
        let place = try Place()
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: DISKFULL\n")
        let daemon = try place.start()
        place.wait("a first try") { place.started.count == 1 }
        try Data().write(to: URL(filePath: "\(place.folder.path)/space"))
        place.wait("publishing") { place.names(place.outbox) == ["x"] }
        daemon.terminate()
        daemon.waitUntilExit()
        #expect(place.names("\(place.inbox)/failed").isEmpty)
    }

    @Test func `a disk that stays full is told once, and again when the daemon's configuration is`() throws {
        let place = try Place()
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: DISKFULL\n")
        let log = "\(place.folder.path)/log"
        try Data().write(to: URL(filePath: log))
        let daemon = try place.start(errors: try FileHandle(forWritingTo: URL(filePath: log)))
        func count(_ words: String) -> Int {
            let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            return text.split(separator: "\n").count { $0.contains(words) }
        }
        // Other programs may free space on this disk: that is news, and the log says so each time.
        func isTold(_ times: Int) -> Bool {
            let expected = times + count("trying again: ")
            return count(" started") == expected && count("postponed: ") == expected
        }
        place.wait("a second try, told once") { place.started.count >= 2 && isTold(1) }
        Thread.sleep(forTimeInterval: 0.5)
        place.wait("no more words") { isTold(1) }
        #expect((1...1 + count("trying again: ")).contains(count("waiting: ")))
        let tries = place.started.count
        // The next try would follow after twenty seconds; what someone mends is tried at once.
        kill(daemon.processIdentifier, SIGHUP)
        place.wait("another try", seconds: 15) { place.started.count > tries }
        place.wait("news") { isTold(2) }
        try Data().write(to: URL(filePath: "\(place.folder.path)/space"))
        kill(daemon.processIdentifier, SIGHUP)
        place.wait("publishing", seconds: 8) { place.names(place.outbox) == ["x"] }
        daemon.terminate()
        daemon.waitUntilExit()
    }

    @Test func `after a kill during a job, the next daemon runs the job again and publishes it once`()
        throws
    {
        let place = try Place()
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: SLOW\n")
        let daemon = try place.start()
        place.wait("the worker") { place.started.count == 1 }
        kill(daemon.processIdentifier, SIGKILL)
        daemon.waitUntilExit()
        #expect(place.names(place.outbox).isEmpty)
        // The daemon takes up the same claim; this run is quick.
        let claims = "\(place.inbox)/.clipdragd"
        let claim = try #require(
            (try FileManager.default.contentsOfDirectory(atPath: claims)).first { $0 != "lock" })
        try Data("prompt: quick\n".utf8).write(to: URL(filePath: "\(claims)/\(claim)/x.yaml"))
        #expect(try place.runOnce() == 0)
        #expect(place.names(place.outbox) == ["x"])
        #expect(place.names("\(place.inbox)/archive") == ["x.png", "x.yaml"])
        #expect(try place.runOnce() == 0)
        #expect(place.names(place.outbox) == ["x"])
    }

    @Test func `SIGTERM returns the running job to the inbox within two seconds`() throws {
        let place = try Place()
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml", "prompt: SLOW\n")
        let daemon = try place.start()
        place.wait("the worker") { place.started.count == 1 }
        let start = Date()
        daemon.terminate()
        daemon.waitUntilExit()
        #expect(Date().timeIntervalSince(start) < 4)  // two seconds, on an idle machine
        #expect(daemon.terminationStatus == 0)
        #expect(place.names(place.inbox) == ["x.png", "x.yaml"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: "\(place.inbox)/.clipdragd") == ["lock"])
    }

    @Test
    func `a taken name gets the next number, and a repeated pair names the job that it duplicates`()
        throws
    {
        let place = try Place()
        for _ in 0..<2 {
            try place.drop(picture: "x.png")
            try place.drop(spec: "x.yaml")
            #expect(try place.runOnce() == 0)
        }
        #expect(place.names(place.outbox) == ["x", "x.2"])
        #expect(place.json("\(place.outbox)/x/trajectory.json")?["duplicate_of"]?.string == "")
        #expect(place.json("\(place.outbox)/x.2/trajectory.json")?["duplicate_of"]?.string == "x")
        #expect(place.names("\(place.inbox)/archive") == ["x.2.png", "x.2.yaml", "x.png", "x.yaml"])
    }

    @Test func `no job starts while its picture or spec is being written`() throws {
        let place = try Place()
        let daemon = try place.start()
        let picture = try FileHandleWriter("\(place.inbox)/slow.png")
        try place.drop(spec: "slow.yaml")
        let third = Place.picture.count / 3
        for part in [0..<third, third..<2 * third] {
            try picture.write(Array(Place.picture[part]))
            // three times the quiet time: only the content shows that it is incomplete
            Thread.sleep(forTimeInterval: 0.6)
            #expect(place.started.isEmpty)
        }
        try picture.write(Array(Place.picture[(2 * third)...]))
        place.wait("slow") { place.names(place.outbox) == ["slow"] }
        #expect(
            try Array(Data(contentsOf: URL(filePath: "\(place.outbox)/slow/result.png"))) == Place.picture)
        daemon.terminate()
        daemon.waitUntilExit()
    }

    @Test func `a reader of the outbox never sees half a folder`() throws {
        let place = try Place()
        for i in 0..<60 {
            try place.drop(picture: "n\(i).png")
            try place.drop(spec: "n\(i).yaml")
        }
        let daemon = try place.start()
        var looks = 0
        place.wait("all sixty", seconds: 40) {
            for name in place.names(place.outbox) {
                let files = place.names("\(place.outbox)/\(name)")
                #expect(files == ["result.png", "trajectory.json"])
                looks += 1
            }
            return place.names(place.outbox).count == 60
        }
        #expect(looks > 60)
        daemon.terminate()
        daemon.waitUntilExit()
        #expect(Set(place.started).count == 60 && place.started.count == 60)
    }

    @Test func `higher priorities come first, then older specs`() throws {
        let place = try Place()
        for (i, (name, priority)) in [("low", -1), ("first", 0), ("second", 0), ("high", 9)].enumerated() {
            try place.drop(picture: "\(name).png")
            try place.drop(spec: "\(name).yaml", "prompt: x\npriority: \(priority)\n")
            let date = Date(timeIntervalSinceNow: -100 + Double(i))
            for file in ["\(name).yaml", "\(name).png"] {
                try FileManager.default.setAttributes(
                    [.modificationDate: date], ofItemAtPath: "\(place.inbox)/\(file)")
            }
        }
        #expect(try place.runOnce() == 0)
        #expect(place.started == ["high.yaml", "first.yaml", "second.yaml", "low.yaml"])
    }

    @Test func `the daemon touches only its own files and ready pairs`() throws {
        let place = try Place()
        let foreign = [".hidden.yaml", "x.yaml.tmp", "x.png.part", "y.crdownload", "notes.txt", "z.yaml~"]
        for name in foreign { try place.drop(spec: name) }
        try FileManager.default.createDirectory(
            atPath: "\(place.inbox)/folder", withIntermediateDirectories: true)
        try place.drop(spec: "folder/inner.yaml")
        try place.drop(picture: "good.png")
        try place.drop(spec: "good.yaml")
        #expect(try place.runOnce() == 0)
        #expect(place.names(place.outbox) == ["good"])
        for name in foreign + ["folder/inner.yaml"] {
            #expect(FileManager.default.fileExists(atPath: "\(place.inbox)/\(name)"), "\(name)")
        }
    }

    @Test(arguments: [("delete", [] as [String]), ("keep", ["done", "x.png"]), ("archive", ["archive"])])
    func `the daemon archives, keeps or deletes inputs as configured`(
        _ inputs: String, _ left: [String]
    ) throws {
        let place = try Place(extra: "inputs: \(inputs)\n")
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml")
        #expect(try place.runOnce() == 0)
        #expect(place.names(place.outbox) == ["x"])
        #expect(place.names(place.inbox) == left)
    }

    @Test func `a picture stays while another spec that names it waits for its mask`() throws {
        let place = try Place()
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml")
        try place.drop(spec: "y.yaml", "image: x.png\nmask: m.png\nprompt: x\n")
        #expect(try place.runOnce() == 75)
        #expect(place.names(place.outbox) == ["x"])
        #expect(place.names(place.inbox) == ["archive", "x.png", "y.yaml"])
        try place.drop(picture: "m.png")
        #expect(try place.runOnce() == 0)
        #expect(place.names(place.outbox) == ["x", "y"])
        #expect(place.names("\(place.inbox)/archive") == ["m.png", "x.png", "x.yaml", "y.yaml"])
    }

    @Test func `a start without the inbox's disk keeps a complete unpublished result`() throws {
        let place = try Place()
        let files = PosixFileSystem()
        let (id, unfinished) = ("1-1-abcdef-1", "1-1-abcdef-2")
        let (claim, making) = ("\(place.inbox)/.clipdragd/\(id)", "\(place.outbox)/.clipdragd/\(id)")
        try files.createDirectory(claim)
        try files.createDirectory(making)
        for (path, text) in [
            ("\(place.inbox)/.clipdragd/lock", "abcdef"),
            ("\(claim)/x.yaml", "prompt: a cat\n"),
            ("\(making)/trajectory.json", "{\"job\": {\"id\": \"\(id)\"}}"),
            (
                "\(claim)/.job.json",
                "{\"schema\": \"clipdrag-job/1\", \"id\": \"\(id)\", \"name\": \"x\", \"spec\": \"x.yaml\", \"state\": \"publishing\"}"
            ),
        ] { try files.create(path, Array(text.utf8), mode: 0o644) }
        try files.createDirectory("\(place.outbox)/.clipdragd/\(unfinished)")
        try files.rename(place.inbox, to: "\(place.inbox).unmounted")
        #expect(try place.runOnce() == 75)
        #expect(try files.list("\(place.outbox)/.clipdragd").map(\.name) == [id, unfinished])
        #expect(try files.status(place.inbox) == nil)
        // The folder at the inbox's path is another inbox now.
        try files.createDirectory(place.inbox)
        #expect(try place.runOnce() == 0)
        #expect(try files.list("\(place.outbox)/.clipdragd").map(\.name) == [id, unfinished])
        try files.removeTree(place.inbox)
        try files.rename("\(place.inbox).unmounted", to: place.inbox)
        #expect(try place.runOnce() == 0)
        #expect(try files.list("\(place.outbox)/.clipdragd").isEmpty)
        #expect(place.names(place.outbox) == ["x"] && place.names("\(place.outbox)/x") == ["trajectory.json"])
        #expect(place.names("\(place.inbox)/archive") == ["x.yaml"])
    }

    @Test func `a second daemon on the same inbox is refused`() throws {
        let place = try Place()
        let daemon = try place.start()
        place.wait("the first") { FileManager.default.fileExists(atPath: "\(place.state)/status.json") }
        let (code, _, errors) = try Program.run(place.arguments + ["--once"])
        #expect(code == 75)
        #expect(errors.contains("another clipdragd watches this inbox"))
        daemon.terminate()
        daemon.waitUntilExit()
    }

    @Test func `status, list, show, explain, hold and release work`() throws {
        let place = try Place()
        try ControlSwitch.pause(place)
        let daemon = try place.start()
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml")
        try place.drop(spec: "half.yaml")
        func waiting() -> String? {  // the id of the waiting job
            guard case .array(let items)? = place.json("\(place.state)/status.json")?["waiting"] else {
                return nil
            }
            return items.first?["id"]?.string
        }
        place.wait("the claim") { waiting() != nil }
        let id = try #require(waiting())
        #expect(place.started.isEmpty)
        let state = ["--state", place.state]
        #expect(try Program.run(["list"] + state).output.contains(id))
        #expect(try Program.run(["show", id] + state).output.contains("\"x\""))
        #expect(try Program.run(["show", "nothing"] + state).code == 66)
        place.wait("the half") { (try? Program.run(["status"] + state).output.contains("half.yaml")) == true }
        let why = try Program.run(["explain", "\(place.inbox)/half.yaml", "--config", place.config] + state)
        #expect(why.output.contains("waits for a file that it names, or for a picture of the same stem"))
        #expect(try Program.run(["hold", id] + state).code == 0)
        #expect(try Program.run(["resume"] + state).code == 0)
        place.wait("the hold") { place.json("\(place.state)/status.json")?["paused"] == .bool(false) }
        Thread.sleep(forTimeInterval: 0.3)
        #expect(place.started.isEmpty)
        #expect(try Program.run(["release", id] + state).code == 0)
        place.wait("publishing") { place.names(place.outbox) == ["x"] }
        place.wait("the record") {
            let row = try? Program.run(["list"] + state).output.split(separator: "\n").last
            return row?.hasPrefix("published  x ") == true
                && row?.contains("drag moved, damage slight") == true
        }
        let record = try #require(
            JSONValue(parsing: Array(Program.run(["show", id, "--json"] + state).output.utf8)))
        #expect(record["verdict"]?["drag"]?.string == "moved" && record["verdict"]?["text"] == .null)
        daemon.terminate()
        daemon.waitUntilExit()
    }
}

/// `clipdragd pause`, before the daemon starts.
private enum ControlSwitch {
    static func pause(_ place: Place) throws {
        #expect(try Program.run(["pause", "--state", place.state]).code == 0)
    }
}

/// Appends to a file, piece by piece.
private final class FileHandleWriter {
    private let handle: FileHandle

    init(_ path: String) throws {
        try Data().write(to: URL(filePath: path))
        handle = try FileHandle(forWritingTo: URL(filePath: path))
    }

    func write(_ bytes: [UInt8]) throws { try handle.write(contentsOf: Data(bytes)) }

    deinit { try? handle.close() }
}
