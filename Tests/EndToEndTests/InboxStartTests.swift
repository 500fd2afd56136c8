import DurableFiles
import Foundation
import JSON
import Testing

/// Inboxes that are not there, and what the daemon says of what it cannot do.
@Suite struct InboxStartTests {
    @Test func `an inbox that is missing at the start does not stop the others`() throws {
        let place = try Place()
        let missing = "\(place.folder.path)/disk/in"
        let config = try String(contentsOfFile: place.config, encoding: .utf8)
        try config.replacingOccurrences(
            of: "inboxes: [{", with: "inboxes: [{path: \(missing)}, {"
        ).write(toFile: place.config, atomically: true, encoding: .utf8)
        try place.drop(picture: "a.png")
        try place.drop(spec: "a.yaml")
        let log = "\(place.folder.path)/log"
        try Data().write(to: URL(filePath: log))
        let daemon = try place.start(errors: FileHandle(forWritingTo: URL(filePath: log)))
        defer { daemon.terminate() }
        place.wait("the other inbox's job") { place.names(place.outbox) == ["a"] }
        #expect(!FileManager.default.fileExists(atPath: missing))
        #expect(place.json("\(place.state)/status.json")?["inboxes"]?.line.contains("\"away\"") == true)
        let text = try String(contentsOfFile: log, encoding: .utf8)
        #expect(text.contains("an inbox cannot be used: open failed: No such file or directory"))
        #expect(text.contains("inbox=\(missing)"))
        // Its disk comes.
        try FileManager.default.createDirectory(atPath: missing, withIntermediateDirectories: true)
        try Data(Place.picture).write(to: URL(filePath: "\(missing)/b.png"))
        try Data("prompt: x\n".utf8).write(to: URL(filePath: "\(missing)/b.yaml"))
        place.wait("its job") { place.names(place.outbox) == ["a", "b"] }
    }

    /// A place whose configuration has another inbox before the usual one.
    private func makePlace(withFirst inbox: (Place) -> String) throws -> Place {
        let place = try Place()
        let config = try String(contentsOfFile: place.config, encoding: .utf8)
        try config.replacingOccurrences(of: "inboxes: [{", with: "inboxes: [{path: \(inbox(place))}, {")
            .write(toFile: place.config, atomically: true, encoding: .utf8)
        try place.drop(picture: "a.png")
        try place.drop(spec: "a.yaml")
        return place
    }

    /// Runs the daemon once, and gives what it says of work that it left.
    private func once(_ place: Place) throws -> (code: Int32, left: [String]) {
        let run = try Program.run(
            place.arguments + ["--once"], environment: ["CLIPDRAGD_WORKER": "\(place.folder.path)/worker"])
        let lines = run.errors.split(separator: "\n").map(String.init)
        let words = "clipdragd: warning: not all is done: "
        return (run.code, lines.filter { $0.hasPrefix(words) }.map { String($0.dropFirst(words.count)) })
    }

    @Test func `with --once the other inboxes are served, the missing one is named, and the code is 75`()
        throws
    {
        let place = try makePlace { "\($0.folder.path)/disk/in" }
        let run = try once(place)
        #expect(run.code == 75 && run.left == ["the inbox \(place.folder.path)/disk/in is not there"])
        #expect(place.names(place.outbox) == ["a"])
        #expect(!FileManager.default.fileExists(atPath: "\(place.folder.path)/disk"))
        // Also where there is no other.
        try FileManager.default.removeItem(atPath: place.inbox)
        let none = try once(place)
        #expect(none.code == 75 && none.left.count == 2 && none.left[1].hasSuffix("/in is not there"))
    }

    @Test func `an inbox that is a file, or whose own folder is a link, does not stop the others`() throws {
        let file = try makePlace { place in
            try? Data().write(to: URL(filePath: "\(place.folder.path)/file"))
            return "\(place.folder.path)/file"
        }
        let run = try once(file)
        #expect(run.code == 75 && run.left.count == 1, "\(run.left)")
        #expect(run.left.first?.hasSuffix("/file cannot be used: Not a directory") == true)
        #expect(file.names(file.outbox) == ["a"])
        // Whoever may write into one inbox must not stop the service of all.
        let linked = try makePlace { place in
            let folder = "\(place.folder.path)/theirs"
            try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try? FileManager.default.createSymbolicLink(
                atPath: "\(folder)/.clipdragd", withDestinationPath: place.folder.path)
            return folder
        }
        let other = try once(linked)
        #expect(other.code == 75 && other.left.count == 1, "\(other.left)")
        #expect(other.left.first?.contains("/theirs cannot be used: ") == true)
        #expect(linked.names(linked.outbox) == ["a"])
    }

    @Test func `an inbox on a full disk holds its own jobs, and no others`() throws {
        let place = try makePlace { "\($0.folder.path)/full" }
        let full = "\(place.folder.path)/full"
        try FileManager.default.createDirectory(atPath: full, withIntermediateDirectories: true)
        let log = "\(place.folder.path)/log"
        try Data().write(to: URL(filePath: log))
        let daemon = Process()
        daemon.executableURL = URL(filePath: "/usr/bin/env")
        // The disk has its pair, a claim with a record, and no room for more.
        let script = """
            mount -t tmpfs -o size=256k none "$1" && cp "$2" "$1/b.png" && mkdir "$1/.clipdragd" && \
            printf abcdef >"$1/.clipdragd/lock" && printf 'prompt: x\npriority: 9\n' >"$1/b.yaml" && \
            { cat /dev/zero >"$1/filler.tmp" 2>/dev/null; shift 2; exec "$@"; }
            """
        daemon.arguments =
            [
                "unshare", "-Urm", "sh", "-c", script, "sh", full, "\(place.inbox)/a.png", Program.path,
            ] + place.arguments
        daemon.environment = ProcessInfo.processInfo.environment.merging(
            ["CLIPDRAGD_WORKER": "\(place.folder.path)/worker"]) { $1 }
        daemon.standardError = try FileHandle(forWritingTo: URL(filePath: log))
        daemon.standardOutput = FileHandle.nullDevice
        try daemon.run()
        defer { daemon.terminate() }
        func text() -> String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
        place.wait("the failing claim") { text().contains("waiting: \(full)/.clipdragd/") }
        place.wait("the other inbox's job") { place.names(place.outbox) == ["a"] }
        // A second one, while the daemon tries the full disk again and again.
        Thread.sleep(forTimeInterval: 3)
        try place.drop(picture: "c.png")
        try place.drop(spec: "c.yaml")
        place.wait("a later job") { place.names(place.outbox) == ["a", "c"] }
        let said = text()
        #expect(said.ranges(of: "No space left on device").count == 1, "\(said)")
        try FileManager.default.removeItem(
            atPath: "/proc/\(daemon.processIdentifier)/root\(full)/filler.tmp")
        place.wait("its own job") { place.names(place.outbox) == ["a", "b", "c"] }
        #expect(text().contains("waiting no more: \(full)/"))
    }

    @Test func `an inbox of the command line that is not there is an error, unless it is to be made`() throws
    {
        let place = try Place()
        let typo = "\(place.folder.path)/inbx"
        let words = ["run", "--once", "--inbox", typo, "--outbox", place.outbox, "--state", place.state]
        let refused = try Program.run(words)
        #expect(refused.code == 66)
        #expect(
            refused.errors
                == "\(typo): error: the inbox is not there\nCheck the path, or have it made: --make-inboxes.\n"
        )
        #expect(!FileManager.default.fileExists(atPath: typo))
        let json = try Program.run(words + ["--json"]).output
        #expect(JSONValue(parsing: Array(json.utf8))?["code"]?.string == "inbox.missing")
        #expect(try Program.run(words + ["--make-inboxes"]).code == 0)
        #expect(FileManager.default.fileExists(atPath: typo))
    }

    @Test func `with --once what is left undone is named`() throws {
        let place = try Place()
        for name in ["a.png", "m\u{e4}d.png", "bad.png"] { try place.drop(picture: name) }
        try place.drop(Array("prompt: x\n".utf8), as: Array("ma\u{308}d.yaml".utf8))
        try place.drop(spec: "bad.yaml", "promt: x\n")
        let run = try Program.run(place.arguments + ["--once"])
        #expect(run.code == 75)
        #expect(run.errors.contains("not all is done: a job failed"), "\(run.errors)")
        #expect(run.errors.contains("not all is done: \(place.inbox)/a.png has no spec"))
        #expect(
            run.errors.contains(
                "has no picture: m\u{e4}d.png lies beside it, and its name differs only in Unicode"))
    }

    @Test func `thousands of orphans take few lines of the log and of the status`() throws {
        let place = try Place(limits: ", orphan_after: 0.5s")
        for i in 0..<3000 { try Data(Place.picture).write(to: URL(filePath: "\(place.inbox)/p\(i).png")) }
        let log = "\(place.folder.path)/log"
        try Data().write(to: URL(filePath: log))
        let daemon = try place.start(errors: FileHandle(forWritingTo: URL(filePath: log)))
        defer { daemon.terminate() }
        func status() -> JSONValue? { place.json("\(place.state)/status.json") }
        place.wait("the count") { status()?["overdue_count"]?.integer == 3000 }
        guard case .array(let named)? = status()?["orphans"] else {
            Issue.record("the status has no orphans")
            return
        }
        #expect(named.count == 100 && status()?["orphan_count"]?.integer == 3000)
        let text = try Program.run(["status", "--state", place.state]).output
        #expect(text.split(separator: "\n").count < 20)
        #expect(text.contains("and 2990 more: 3000 orphans in all, 3000 overdue"))
        place.wait("the log's count") {
            (try? String(contentsOfFile: log, encoding: .utf8).contains(
                "more orphans; `clipdragd status` counts them"))
                == true
        }
        let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
        #expect(lines.count { $0.contains("orphan") } < 25)
    }

    /// Its code is "proc.missing", which no output has: without arguments there is no `--json`.
    @Test func `without /proc a command says so, in one line and a remedy`() throws {
        for words in [["--version"], ["check", "x.yaml"], []] {
            let run = try Program.run(
                words,
                launcher: [
                    "unshare", "-Urm", "sh", "-c", "mount -t tmpfs none /proc && exec \"$0\" \"$@\"",
                ])
            #expect(run.code == 74 && run.output.isEmpty)
            #expect(
                run.errors
                    == "error: /proc is not there, and clipdragd needs it\nMount it: mount -t proc proc /proc.\n"
            )
        }
    }
}
