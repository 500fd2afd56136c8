import Foundation
import JSON
import Testing

/// `edit` with drags and a prompt on the command line: a first try needs no file.
@Suite(.serialized) struct FirstTryTests {
    private let picture = "\(Program.root.path(percentEncoded: false))examples/rabbit-face.png"
    private let quick = ["--set", "max_steps=2", "--set", "warp=0", "--set", "lora.steps=0"]

    private func trajectory(_ folder: String) throws -> JSONValue {
        let bytes = try Data(contentsOf: URL(filePath: "\(folder)/trajectory.json"))
        return try #require(JSONValue(parsing: Array(bytes)))
    }

    @Test func `a drag and a prompt are enough, and verdict, notes and path are printed`() throws {
        let folder = try TemporaryFolder()
        let words =
            [
                "edit", picture, "--drag", "84,22:100,26", "--drag", "2,2:6,6", "--prompt",
                "crying rabbit", "--seed", "7", "--preset", "quick",
            ] + quick
        let run = try Program.run(
            words, launcher: ["sh", "-c", "cd '\(folder.path)' && exec \"$0\" \"$@\""])
        #expect(run.code == 0, "\(run.errors)")
        #expect(run.output == "./rabbit-face-edit/result.png\n")
        let t = try trajectory("\(folder.path)/rabbit-face-edit")
        let verdict = try #require(t["verdict"])
        let drag = try #require(verdict["drag"]?.string)
        let text = try #require(verdict["text"]?.string)
        #expect(run.errors.contains("\nverdict: drag \(drag), text \(text), damage "))
        guard case .array(let notes)? = t["notes"] else {
            Issue.record("the trajectory has no notes")
            return
        }
        #expect(!notes.isEmpty)
        for note in notes { #expect(run.errors.contains("note: \(note.string ?? "?")\n")) }
        #expect(t["seed"]?.integer == 7 && t["preset"]?.string == "quick")
        #expect(t["prompt"]?["edit"]?.string == "crying rabbit")
        let spec = try String(
            contentsOfFile: "\(folder.path)/rabbit-face-edit/spec.yaml", encoding: .utf8)
        #expect(spec.contains("- {from: [84, 22], to: [100, 26]}\n  - {from: [2, 2], to: [6, 6]}"))
        // The next try has a folder of its own; with --json all of it is one object.
        let again = try Program.run(
            words + ["--json"], launcher: ["sh", "-c", "cd '\(folder.path)' && exec \"$0\" \"$@\""])
        let last = again.output.split(separator: "\n").last.flatMap { JSONValue(parsing: Array($0.utf8)) }
        #expect(last?["result"]?.string == "./rabbit-face-edit.2/result.png")
        #expect(last?["verdict"] == verdict && last?["notes"] == .array(notes))
    }

    @Test func `the command line wins over the spec`() throws {
        let folder = try TemporaryFolder()
        let spec = "\(folder.path)/s.yaml"
        try "prompt: {source: rabbit, edit: fox}\nseed: 3\ndrags: [{from: [1, 1], to: [9, 9]}]\n".write(
            toFile: spec, atomically: true, encoding: .utf8)
        let run = try Program.run(
            [
                "edit", picture, spec, "--out", "\(folder.path)/out", "--prompt", "cat", "--seed", "4",
                "--drag", "84,22:100,26",
            ] + quick)
        #expect(run.code == 0, "\(run.errors)")
        let written = try String(contentsOfFile: "\(folder.path)/out/spec.yaml", encoding: .utf8)
        #expect(written.contains("source: \"rabbit\"\n  edit: \"cat\"\n"))
        #expect(written.contains("drags:\n  - {from: [84, 22], to: [100, 26]}\nunits"))
        #expect(written.contains("seed: 4\n"))
    }

    @Test(arguments: [
        (
            ["--drag", "1,1:500,1"], 64,
            "--drag:1:5: error: `to` is at (500, 1), outside the picture of 128×128"
        ),
        (["--drag", "1,1:2,2", "--drag", "3,3"], 64, "--drag:2:1: error: `3,3` is no drag"),
        (["--drag", "1,1:1,1"], 64, "--drag:1:5: error: the handle lies on its target"),
        (["--drag", "1,x:1,1"], 64, "--drag:1:3: error: a number of `--drag` must be"),
        (["--drag", "1, x : 1,1"], 64, "--drag:1:4: error: a number of `--drag` must be"),
        (["--drag", "1 , 1 : 500, 1"], 64, "--drag:1:8: error: `to` is at (500, 1), outside the picture"),
        (["--drag=-1,1:1,1"], 64, "--drag:1:1: error: the point is at -1, outside the picture"),
        (["--prompt", "x", "--preset", "quik"], 64, "did you mean `quick`?"),
        (["--prompt", " "], 64, "--prompt has no words"), ([], 64, "there is nothing to do"),
    ])
    func `a mistake on the command line is shown at its place`(
        _ words: [String], _ code: Int32, _ text: String
    )
        throws
    {
        let folder = try TemporaryFolder()
        let run = try Program.run(["edit", picture, "--out", "\(folder.path)/out"] + words)
        #expect(run.code == code && run.errors.contains(text), "\(run.errors)")
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/out"))
    }

    @Test func `a spec in the place of the picture is named`() throws {
        let run = try Program.run(["edit", "rabbit.yaml", "rabbit.png", "--out", "/nowhere"])
        #expect(run.code == 64 && run.errors.contains("The picture comes first, then the spec."))
    }

    @Test func `a weight that is no number is blamed on the model, not on the settings`() throws {
        let folder = try TemporaryFolder()
        let fixtures = Program.root.appending(path: "Tests/Fixtures/starter").path(percentEncoded: false)
        let model = "\(folder.path)/model"
        try FileManager.default.copyItem(atPath: "\(fixtures)/model", toPath: model)
        let unet = try #require(
            FileManager.default.contentsOfDirectory(atPath: "\(model)/unet").first {
                $0.hasSuffix(".safetensors")
            })
        let weights = URL(filePath: "\(model)/unet/\(unet)")
        var bytes = try Data(contentsOf: weights)
        bytes.replaceSubrange(bytes.count - 2..<bytes.count, with: [0xff, 0xff])
        try bytes.write(to: weights)
        let run = try Program.run(
            [
                "edit", picture, "--drag", "84,22:100,26", "--prompt", "cat", "--model", model, "--out",
                "\(folder.path)/out",
            ] + quick)
        #expect(run.code == 69, "\(run.errors)")
        #expect(run.errors.contains("\(unet)") && run.errors.contains("NaN"), "\(run.errors)")
        #expect(!run.errors.contains("latent_lr"))
    }
}
