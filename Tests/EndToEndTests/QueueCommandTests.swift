import DurableFiles
import Foundation
import Imaging
import JSON
import Testing

/// What a person sees of the queue, and how they name a job.
@Suite struct QueueCommandTests {
    private func count(_ place: Place, _ key: String) -> Int {
        guard case .array(let items)? = place.json("\(place.state)/status.json")?[key] else { return -1 }
        return items.count
    }

    private func lines(_ words: String..., of place: Place) throws -> [String] {
        try Program.run(words + ["--state", place.state]).output.split(separator: "\n").map(String.init)
    }

    @Test func `list has headings, states, verdicts and times, status has counts`() throws {
        let place = try Place(
            verdict: "partly", forecast: 65, limits: ", orphan_after: 0.2s")
        let daemon = try place.start()
        defer { daemon.terminate() }
        for name in ["good", "bad", "slow", "next", "kept"] { try place.drop(picture: "\(name).png") }
        try place.drop(spec: "good.yaml", "prompt: x\npriority: 9\n")
        try place.drop(spec: "bad.yaml", "promt: x\n")
        try place.drop(spec: "slow.yaml", "prompt: SLOW\npriority: 7\n")
        try place.drop(spec: "next.yaml")
        try place.drop(spec: "kept.yaml", "prompt: x\npriority: -1\n")
        place.wait("the slow one") {
            place.names(place.outbox) == ["good"] && count(place, "running") == 1
                && count(place, "waiting") == 2
        }
        place.wait("the failure") { place.names("\(place.inbox)/failed") == ["bad"] }
        #expect(try Program.run(["hold", "kept", "--state", place.state]).code == 0)
        place.wait("the hold") { (try? lines("list", of: place).contains { $0.hasPrefix("held") }) == true }
        let list = try lines("list", of: place)
        let cells = list.map { $0.split(separator: " ", omittingEmptySubsequences: true).map(String.init) }
        #expect(cells[0] == ["STATE", "JOB", "RESULT", "TIME", "ID"])
        let today = Date().formatted(.iso8601.year().month().day())
        func row(_ state: String) throws -> [String] { try #require(cells.first { $0[0] == state }) }
        #expect(try row("published")[1...5] == ["good", "drag", "partly,", "damage", "slight"])
        #expect(try row("failed")[1...2] == ["bad", "spec.unknown_key"])
        #expect(try row("running")[1...3] == ["slow", "drag", "1/2"])
        #expect(try row("waiting")[1...2] == ["next", "-"])
        #expect(try row("held")[1] == "kept")
        #expect(try row("published")[6].hasPrefix(String(today.prefix(4))))
        // The columns stand below their headings.
        let column = try #require(list[0].range(of: "RESULT")).lowerBound
        for line in list.dropFirst() { #expect(line[line.index(before: column)] == " ") }

        let status = try lines("status", of: place)
        #expect(
            status.contains("jobs       1 running, 2 waiting (1 held); today 1 published, 1 failed"),
            "\(status)")
        #expect(
            status.contains {
                $0.hasPrefix("running    slow drag 1/2 for ") && $0.contains("of at most about 65 s")
            })
        #expect(status.contains { $0.hasPrefix("forecast   all jobs have ended in at most about ") })
        #expect(status.contains("outbox     \(place.outbox)"))
    }

    @Test func `a job is named by its name where that is unique, and else the candidates are listed`() throws
    {
        let place = try Place()
        let state = ["--state", place.state]
        let daemon = try place.start()
        defer { daemon.terminate() }
        for round in 1...2 {
            try place.drop(picture: "x.png")
            try place.drop(spec: "x.yaml")
            place.wait("round \(round)") { place.names("\(place.inbox)/archive").count == 2 * round }
        }
        #expect(try Program.run(["pause"] + state).code == 0)
        place.wait("the pause") { place.json("\(place.state)/status.json")?["paused"] == .bool(true) }
        try place.drop(picture: "x.png")
        try place.drop(spec: "x.yaml")
        place.wait("the claim") { count(place, "waiting") == 1 }
        // The one that a request fits is meant; `show` fits all.
        #expect(try Program.run(["hold", "x"] + state).code == 0)
        place.wait("the hold") { (try? Program.run(["release", "x"] + state).code) == 0 }
        #expect(try Program.run(["show", "x.2"] + state).output.contains("\"published_as\": \"x.2\""))
        let ambiguous = try Program.run(["show", "x", "--json"] + state)
        let error = JSONValue(parsing: Array(ambiguous.output.utf8))
        #expect(ambiguous.code == 64 && error?["code"]?.string == "job.ambiguous")
        #expect(error?["message"]?.string == "3 jobs have the name x")
        let hint = try #require(error?["hint"]?.string)
        for id in place.names("\(place.state)/history") { #expect(hint.contains(id.dropLast(5))) }
        #expect(hint.contains("(waiting)") || hint.contains("(held)"))
        #expect(hint.contains(" as x.2)"))
        #expect(try Program.run(["show", "y"] + state).code == 66)
        #expect(try Program.run(["cancel", "x.yaml"] + state).code == 0)
        place.wait("its end") { place.names("\(place.inbox)/failed") == ["x"] }
    }

    @Test func `a spec with a mistake fails when it is claimed, though nothing starts`() throws {
        let place = try Place()
        #expect(try Program.run(["pause", "--state", place.state]).code == 0)
        let mistakes = [
            ("typo", "promt: x\n", "spec.unknown_key"),
            ("gone", "mask: /m.png\nprompt: x\n", "spec.reference_absolute"),
            ("nothing", "seed: 3\n", "spec.nothing_to_do"),
        ]
        for name in ["a", "b"] + mistakes.map(\.0) { try place.drop(picture: "\(name).png") }
        for name in ["a", "b"] { try place.drop(spec: "\(name).yaml") }
        for (name, text, _) in mistakes { try place.drop(spec: "\(name).yaml", text) }
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the failures") { place.names("\(place.inbox)/failed").count == mistakes.count }
        for (name, _, code) in mistakes {
            let report = place.json("\(place.inbox)/failed/\(name)/error.json")
            #expect(report?["code"]?.string == code && report?["attempts"]?.integer == 1)
            #expect(try PosixFileSystem().status("\(place.inbox)/\(name).png") != nil)
        }
        place.wait("the status") { count(place, "waiting") == 2 }
        #expect(place.started.isEmpty)
    }

    @Test func `a mistake that shows in a picture's header fails with the claim, in the worker's words`()
        throws
    {
        let place = try Place()
        #expect(try Program.run(["pause", "--state", place.state]).code == 0)
        let other = Image(width: 64, height: 96, samples: [UInt16](repeating: 0, count: 64 * 96 * 3))
        try Data(other.pngBytes()).write(to: URL(filePath: "\(place.inbox)/m.png"))
        let whole = try Image(decoding: Place.picture)
        try Data(whole.pngBytes()).write(to: URL(filePath: "\(place.inbox)/same.png"))
        let mistakes = [
            ("point", "drags: [{from: [5, 6], to: [5, 4000]}]\n", "spec.point_outside"),
            (
                "shape", "prompt: x\nmask: [{rect: [1, 1, 9, 9]}, {circle: [4000, 9, 5]}]\n",
                "spec.mask_outside"
            ),
            ("mask", "prompt: x\nmask: m.png\n", "spec.mask_size"),
            ("region", "prompt: x\nregion: {rect: [4000, 0, 64, 64]}\n", "spec.region"),
            (
                "handle", "drags: [{from: [5, 6], to: [50, 50]}]\nregion: {rect: [20, 20, 64, 64]}\n",
                "spec.region"
            ),
        ]
        try place.drop(spec: "good.yaml", "drags: [{from: [5, 6], to: [50, 50]}]\nmask: same.png\n")
        try place.drop(spec: "damaged.yaml", mistakes[0].1)
        try place.drop(picture: "good.png")
        try place.drop(Array("not a picture".utf8), as: Array("damaged.png".utf8))
        var said: [String: JSONValue] = [:]
        for (name, text, _) in mistakes {
            try place.drop(picture: "\(name).png")
            try place.drop(spec: "\(name).yaml", text)
            let check = try Program.run(["check", "\(place.inbox)/\(name).yaml", "--json"])
            said[name] = JSONValue(parsing: Array(check.output.utf8))
        }
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the failures") { place.names("\(place.inbox)/failed").count == mistakes.count }
        for (name, _, code) in mistakes {
            let report = place.json("\(place.inbox)/failed/\(name)/error.json")
            #expect(report?["code"]?.string == code, "\(name)")
            for key in ["code", "message", "hint", "line", "column"] {
                #expect(report?[key] == said[name]?[key], "\(name): \(key)")
            }
        }
        place.wait("the status") { count(place, "waiting") == 2 }
        #expect(place.started.isEmpty)
    }

    @Test func `a failed job's folder goes when its corrected spec is published`() throws {
        let place = try Place()
        let daemon = try place.start()
        defer { daemon.terminate() }
        let failed = "\(place.inbox)/failed"
        for name in ["cat", "dog"] {
            try place.drop(picture: "\(name).png")
            try place.drop(spec: "\(name).yaml", "promt: x\n")
        }
        place.wait("the failures") { place.names(failed) == ["cat", "dog"] }
        // Its picture has been replaced since: the folder has the only copy of the earlier one.
        try (Data(Place.picture) + Data([0])).write(
            to: URL(filePath: "\(place.inbox)/dog.png"), options: .atomic)
        let why = try Program.run(["explain", "\(place.inbox)/cat.png", "--state", place.state]).output
        #expect(why.contains("cat.png waits for a spec"), "\(why)")
        #expect(
            why.contains(
                "The job `cat`, which had it, failed: a spec has no key `promt`; did you mean `prompt`? Known"
            ),
            "\(why)")
        let spec = try Program.run(["explain", "\(place.inbox)/cat.yaml", "--state", place.state]).output
        #expect(spec.contains("no key `promt`; did you mean `prompt`?"))
        for name in ["cat", "dog"] { try place.drop(spec: "\(name).yaml") }
        place.wait("the results") { place.names(place.outbox) == ["cat", "dog"] }
        place.wait("the removal") { place.names(failed) == ["dog"] }
        #expect(place.names("\(failed)/dog") == ["dog.png", "dog.yaml", "error.json", "error.txt"])
    }

    @Test func `explain says where an archived picture lies that a new spec means`() throws {
        let place = try Place()
        let daemon = try place.start()
        defer { daemon.terminate() }
        try place.drop(picture: "cat.png")
        try place.drop(spec: "cat.yaml")
        place.wait("the archive") { place.names("\(place.inbox)/archive") == ["cat.png", "cat.yaml"] }
        try place.drop(spec: "cat.yaml")
        try place.drop(spec: "smile.yaml", "image: cat.png\nprompt: x\n")
        for name in ["cat", "smile"] {
            let text = "A picture of that name lies in \(place.inbox)/archive/cat.png"
            place.wait("the answer on \(name)") {
                (try? Program.run(["explain", "\(place.inbox)/\(name).yaml", "--state", place.state]).output
                    .contains(text)) == true
            }
        }
    }

    @Test func `explain names what lies beside a spec and is no picture`() throws {
        let place = try Place()
        for name in ["link", "folder"] { try place.drop(spec: "\(name).yaml") }
        try FileManager.default.createSymbolicLink(
            atPath: "\(place.inbox)/link.png", withDestinationPath: "\(place.folder.path)/p.png")
        try FileManager.default.createDirectory(
            atPath: "\(place.inbox)/folder.png", withIntermediateDirectories: true)
        try place.drop(picture: "hidden.png")
        try place.drop(spec: "hidden.yaml.txt")
        func answer(_ file: String) throws -> String {
            try Program.run(
                ["explain", "\(place.inbox)/\(file)", "--config", place.config, "--state", place.state]
            ).output
        }
        Thread.sleep(forTimeInterval: 1)
        for (file, words) in [
            (
                "link.yaml",
                "link.png lies beside it and is a symbolic link, which is not followed: drop the file itself."
            ),
            ("folder.yaml", "folder.png lies beside it and is no file: drop the file itself."),
            (
                "hidden.png",
                "hidden.yaml.txt lies beside it, and it ends in .txt, which some systems do not show."
            ),
            (
                "hidden.yaml.txt",
                "is no spec: it ends in .txt, which some systems do not show. Rename it to hidden.yaml."
            ),
        ] {
            let text = try answer(file)
            #expect(text.contains(words), "\(text)")
        }
    }

    @Test func `a published job's picture is no orphan for a moment`() throws {
        for watch in ["auto", "poll"] {
            let place = try Place(limits: ", orphan_after: 0s")
            let config = try String(contentsOfFile: place.config, encoding: .utf8)
            try config.replacingOccurrences(of: "\(place.inbox)}", with: "\(place.inbox), watch: \(watch)}")
                .write(toFile: place.config, atomically: true, encoding: .utf8)
            try place.drop(picture: "cat.png")
            try place.drop(spec: "cat.yaml", "prompt: STEADY\n")
            let log = Pipe()
            let daemon = try place.start(errors: log)
            place.wait("the archive") { place.names("\(place.inbox)/archive").count == 2 }
            place.wait("the status") { count(place, "running") == 0 }
            #expect(count(place, "orphans") == 0)
            Thread.sleep(forTimeInterval: 1)
            daemon.terminate()
            let text = String(decoding: log.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            #expect(!text.contains("orphan"), "\(watch): \(text)")
        }
    }
}
