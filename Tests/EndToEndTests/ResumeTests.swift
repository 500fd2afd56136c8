import DurableFiles
import Foundation
import JSON
import Testing

/// Cached stages with the real program, worker and model.
@Suite(.serialized) struct ResumeTests {
    private let restoredBoth = JSONValue.array([.string("fine-tune"), .string("invert")])
    private static let settings = "reach: 0.001, num_steps: 10, lora: {steps: 2, batch: 1}"
    private let picture = Program.root.appending(path: "examples/rabbit-face.png").path(percentEncoded: false)

    private func spec(_ steps: Int, edit: String = "crying rabbit") -> String {
        "prompt: {edit: \(edit)}\ndrags: [{from: [84, 22], to: [100, 26]}]\nsettings: {max_steps: \(steps), \(Self.settings)}\n"
    }

    private func json(_ path: String) -> JSONValue? {
        FileManager.default.contents(atPath: path).flatMap { JSONValue(parsing: Array($0)) }
    }

    @Test func `an edit whose last file cannot be written goes on after sampling the next time`() throws {
        let folder = try TemporaryFolder()
        let file = "\(folder.path)/rabbit-face.yaml"
        try spec(2).write(toFile: file, atomically: true, encoding: .utf8)
        func edit(_ name: String, _ more: String...) throws -> (
            code: Int32, restored: JSONValue?, picture: Data?
        ) {
            let out = "\(folder.path)/\(name)"
            let code = try Program.run(
                ["edit", picture, file, "--out", out, "--state", "\(folder.path)/state"] + more
            ).code
            return (
                code, json("\(out)/trajectory.json")?["job"]?["restored"],
                FileManager.default.contents(atPath: "\(out)/result.png")
            )
        }
        let failed = try edit("1", "--save-lora", "\(folder.path)/nowhere/lora.safetensors")
        #expect(failed.code == 73 && failed.picture != nil)
        let second = try edit("2", "--save-lora", "\(folder.path)/lora.safetensors")
        #expect(second.code == 0)
        #expect(
            second.restored
                == .array([.string("fine-tune"), .string("invert"), .string("drag"), .string("sample")]))
        #expect(second.picture == failed.picture)
        #expect(FileManager.default.fileExists(atPath: "\(folder.path)/lora.safetensors"))
        // Now that all is written, a further edit drags again.
        #expect(try edit("3").restored == restoredBoth)
    }

    @Test
    func `a second edit of a picture restores two stages and gives the same bytes; damage costs only time`()
        throws
    {
        let folder = try TemporaryFolder()
        let (state, file) = ("\(folder.path)/state", "\(folder.path)/rabbit-face.yaml")
        func edit(_ name: String, _ text: String, _ more: String...) throws -> (JSONValue?, Data?) {
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            let out = "\(folder.path)/\(name)"
            let (code, _, errors) = try Program.run(
                ["edit", picture, file, "--out", out, "--state", state] + more)
            #expect(code == 0, "\(errors)")
            return (
                json("\(out)/trajectory.json")?["job"]?["restored"],
                FileManager.default.contents(atPath: "\(out)/result.png")
            )
        }
        let first = try edit("1", spec(2))
        #expect(first.0 == .array([]))
        let second = try edit("2", spec(2))
        #expect(second.0 == restoredBoth)
        #expect(second.1 == first.1)
        // Another edit prompt for the same picture restores them too; another seed or schedule does not.
        #expect(try edit("3", spec(1, edit: "happy rabbit")).0 == restoredBoth)
        #expect(try edit("4", spec(1) + "seed: 7\n").0 == .array([]))
        #expect(try edit("5", spec(1), "--set", "num_steps=20").0 == .array([.string("fine-tune")]))
        #expect(try edit("6", spec(1), "--set", "lora.lr=0.001").0 == .array([]))
        // After the first edit there is a forecast, without the restored stages.
        func forecast(_ name: String) -> JSONValue? {
            json("\(folder.path)/\(name)/trajectory.json")?["forecast"]
        }
        #expect(forecast("1")?["seconds"]?["fine-tune"] != nil)
        #expect(forecast("2")?["seconds"]?["fine-tune"] == nil)
        #expect(forecast("2")?["seconds"]?["sample"] == forecast("1")?["seconds"]?["sample"])
        let trajectory = try #require(json("\(folder.path)/2/trajectory.json"))
        #expect(try Schema("trajectory").problems(trajectory) == [])
        try spec(2).write(toFile: file, atomically: true, encoding: .utf8)
        let check = ["check", file, "--image", picture, "--json", "--state"]
        let known = JSONValue(parsing: Array(try Program.run(check + [state]).output.utf8))
        #expect(known?["forecast"]?["seconds"] == forecast("1")?["seconds"])
        let unknown = try Program.run(check + ["\(folder.path)/other"])
        #expect(JSONValue(parsing: Array(unknown.output.utf8))?["forecast"] == .null)
        let measured = try Program.run(check + ["\(folder.path)/other", "--measure"])
        let then = try Program.run(check + ["\(folder.path)/other"])
        #expect(measured.output == then.output, "\(measured.errors)")
        #expect(JSONValue(parsing: Array(then.output.utf8))?["forecast"]?["seconds"]?["fine-tune"] != nil)
        // Damaged entries count as missing.
        for name in try FileManager.default.contentsOfDirectory(atPath: "\(state)/cache") {
            try Data("torn".utf8).write(to: URL(filePath: "\(state)/cache/\(name)"))
        }
        let mended = try edit("7", spec(2))
        #expect(mended.0 == .array([]))
        #expect(mended.1 == first.1)
        #expect(try edit("8", spec(2)).0 == restoredBoth)
    }

    @Test(arguments: [SIGTERM, SIGKILL])
    func `a job that was stopped in its drag loop restores fine-tuning and inversion`(_ signal: Int32)
        throws
    {
        let place = try Place()
        try place.drop(picture: "x.png")
        // With a source prompt the cache holds nothing of the captioner.
        try place.drop(spec: "x.yaml", spec(25).replacing("{edit:", with: "{source: rabbit face, edit:"))
        let daemon = try Program.start(place.arguments)
        place.wait("the drag", seconds: 120) {
            let drawers =
                ((try? FileManager.default.contentsOfDirectory(atPath: "\(place.outbox)/.clipdragd")) ?? [])
                .map { "\(place.outbox)/.clipdragd/\($0)/\(ContentCache.drawerName)" }
            // The model's identity and pace, the fine-tuning, the inversion
            return drawers.contains { drawer in
                let names = (try? FileManager.default.contentsOfDirectory(atPath: drawer)) ?? []
                return names.filter { !$0.hasPrefix(".") }.count == 4
            }
        }
        kill(daemon.processIdentifier, signal)
        daemon.waitUntilExit()
        #expect(place.names(place.outbox) == [])
        let again = try Program.start(place.arguments + ["--once"])
        again.waitUntilExit()
        #expect(again.terminationStatus == 0)
        let trajectory = try #require(place.json("\(place.outbox)/x/trajectory.json"))
        #expect(trajectory["job"]?["restored"] == restoredBoth)
        #expect(trajectory["job"]?["attempt"]?.integer == 1)
        let left = try FileManager.default.contentsOfDirectory(atPath: "\(place.outbox)/x")
        #expect(!left.contains(ContentCache.drawerName))
    }
}
