import Foundation
import Testing

/// Every line of `--json`, and every record in a file, begins with its name and version.
@Suite struct RecordLineTests {
    /// The name of the record that a text begins with; nil: it begins with another key. (A parser forgets the order of keys.)
    private func schema(_ text: String) -> String? {
        let head = /\s*\{\s*"schema":\s*"(clipdrag-[a-z-]+)\/[1-9][0-9]*"/
        return text.prefixMatch(of: head).map { String($0.1) }
    }

    private func expectRecord(_ text: String, _ what: String) {
        #expect(schema(text) != nil, "\(what): \(text.prefix(200))")
    }

    @Test func `each line of --json of each command begins with its schema`() throws {
        let place = try Place(limits: ", orphan_after: 0.1s")
        let state = ["--state", place.state]
        let (picture, spec, out) = (
            "\(place.folder.path)/p.png", "\(place.folder.path)/p.yaml", "\(place.folder.path)/edited"
        )
        try Data(Place.picture).write(to: URL(filePath: picture))
        let quick = "settings: {num_steps: 4, max_steps: 1, warp: 0, lora: {steps: 0}}\n"
        try "prompt: {source: a, edit: b}\ndrags: [{from: [60, 60], to: [70, 60]}]\n\(quick)".write(
            toFile: spec, atomically: true, encoding: .utf8)
        for name in ["good", "bad", "held"] { try place.drop(picture: "\(name).png") }
        try place.drop(spec: "good.yaml", "prompt: x\npriority: 9\n")
        try place.drop(spec: "bad.yaml", "promt: x\n")
        try place.drop(spec: "slow.yaml", "image: good.png\nprompt: SLOW\npriority: 1\n")
        try place.drop(spec: "held.yaml")
        try place.drop(spec: "lone.yaml")
        let daemon = try place.start()
        defer { daemon.terminate() }
        place.wait("the jobs") {
            place.names(place.outbox) == ["good"] && place.started.contains("slow.yaml")
                && place.names("\(place.inbox)/failed") == ["bad"]
        }
        let cases = "\(place.folder.path)/cases"
        try FileManager.default.createDirectory(atPath: "\(cases)/one", withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: picture, toPath: "\(cases)/one/spec.png")
        try FileManager.default.copyItem(atPath: spec, toPath: "\(cases)/one/spec.yaml")
        let commands: [[String]] = [
            ["--version"], ["nonsense"], ["check", spec], ["check", "\(place.folder.path)/none.yaml"],
            ["caption", picture], ["preview", spec, "--out", "\(place.folder.path)/preview.png"],
            ["edit", picture, spec, "--out", out], ["report", out], ["models", "list"], ["models", "show"],
            ["models", "verify"], ["models", "import", "/nowhere"], ["models", "fetch", "nothing"],
            ["editor"], ["check-config", place.config],
            ["check-config", spec], ["gallery", place.outbox, "--out", "\(place.folder.path)/gallery"],
            ["evaluate", cases, "--out", "\(place.folder.path)/evaluation", "--forecast"],
            ["add-inbox", place.inbox, "--config", place.config], ["status"] + state, ["list"] + state,
            ["show", "good"] + state, ["show", "bad"] + state, ["show", "slow"] + state,
            ["show", "nothing"] + state, ["explain", "\(place.inbox)/lone.yaml"] + state,
            ["hold", "held"] + state, ["pause"] + state, ["resume"] + state, ["cancel", "slow"] + state,
            ["run", "--once", "--inbox", "/nowhere", "--outbox", place.outbox] + state,
            ["read-files", picture, spec, "/nowhere.yaml"], ["bench", "--only", "clip", "--runs", "0"],
        ]
        for words in commands {
            let run = try Program.run(words + (words[0] == "read-files" ? [] : ["--json"]))
            let lines = run.output.split(separator: "\n").map(String.init)
            #expect(!lines.isEmpty, "\(words): \(run.errors)")
            for line in lines { expectRecord(line, words.joined(separator: " ")) }
        }
        let log = try Place()
        let run = try Program.run(log.arguments + ["--once", "--json"])
        for line in run.output.split(separator: "\n") { expectRecord(String(line), "run --once") }
    }

    @Test func `each record in a file begins with its schema`() throws {
        let place = try Place()
        for name in ["good", "bad", "slow"] { try place.drop(picture: "\(name).png") }
        try place.drop(spec: "good.yaml")
        try place.drop(spec: "bad.yaml", "promt: x\n")
        let daemon = try place.start()
        place.wait("the jobs") {
            place.names(place.outbox) == ["good"] && place.names("\(place.inbox)/failed") == ["bad"]
        }
        try place.drop(spec: "slow.yaml", "prompt: SLOW\n")
        place.wait("the run") { place.started.contains("slow.yaml") }
        place.wait("the history") { place.names("\(place.state)/history").count == 2 }
        kill(daemon.processIdentifier, SIGKILL)
        daemon.waitUntilExit()
        let files = FileManager.default.enumerator(atPath: place.folder.path)
        var seen: Set<String> = []
        while let file = files?.nextObject() as? String {
            // The stand-in worker writes the least of a trajectory.
            guard file.hasSuffix(".json"), !file.hasSuffix("trajectory.json") else { continue }
            let text = try String(contentsOfFile: "\(place.folder.path)/\(file)", encoding: .utf8)
            expectRecord(text, file)
            if let name = schema(text) { seen.insert(name) }
        }
        #expect(
            seen.isSuperset(of: [
                "clipdrag-status", "clipdrag-error", "clipdrag-job", "clipdrag-ended", "clipdrag-clock",
            ]), "\(seen)")
    }
}
