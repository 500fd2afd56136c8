import Foundation
import Imaging
import JSON
import Testing

/// The real program and engine, on the starter model, with few steps.
@Suite(.serialized) struct CommandTests {
    private static let root = Program.root.path(percentEncoded: false)
    private let quick = "settings: {max_steps: 2, warp: 0, num_steps: 10, lora: {steps: 1, batch: 1}}\n"

    private func example(_ name: String) -> String { "\(Self.root)examples/\(name)" }

    @Test func `edit writes a job folder's files, and the trajectory has every field`() throws {
        let folder = try TemporaryFolder()
        let spec = "\(folder.path)/ear.yaml"
        try FileManager.default.copyItem(atPath: example("rabbit-face.png"), toPath: "\(folder.path)/r.png")
        let text =
            "image: r.png\nprompt: {edit: crying rabbit}\ndrags: [{from: [84, 22], to: [100, 26]}]\n\(quick)output: {extras: [overlay, animation, comparison], metrics: full}\n"
        try text.write(toFile: spec, atomically: true, encoding: .utf8)
        let out = "\(folder.path)/out"
        let (code, output, errors) = try Program.run(["edit", "\(folder.path)/r.png", spec, "--out", out])
        #expect(code == 0, "\(errors)")
        #expect(output == "\(out)/result.png\n")
        #expect(errors.contains("drag: 2 steps"))
        let names = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
        #expect(
            names == [
                "animation.png", "comparison.png", "overlay.png", "result.png", "spec.yaml",
                "trajectory.json",
            ])
        let result = try Image(decoding: Array(Data(contentsOf: URL(filePath: "\(out)/result.png"))))
        #expect((result.width, result.height) == (128, 128))
        let t = try #require(
            JSONValue(parsing: Array(Data(contentsOf: URL(filePath: "\(out)/trajectory.json")))))
        #expect(t["schema"]?.string == "clipdrag-trajectory/2")
        for key in [
            "job", "model", "image", "prompt", "settings", "outcome", "verdict", "steps", "handles",
            "iterations", "metrics", "files",
        ] {
            #expect(t[key] != nil, "\(key)")
        }
        #expect(try Schema("trajectory").problems(t) == [])
        #expect(t["prompt"]?["source_origin"]?.string == "clip")
        #expect(t["prompt"]?["source"]?.string?.isEmpty == false)
        #expect(t["steps"]?.integer == 2)
        #expect(t["settings"]?["lora"]?["steps"]?.integer == 1)
        #expect(["moved", "partly", "unchanged"].contains(t["summary"]?.string ?? ""))
        #expect(errors.contains("verdict: drag \(t["verdict"]?["drag"]?.string ?? "?"), text "))
        #expect((t["metrics"]?["mean_distance"]?.number ?? -1) >= 0)
        // P_e, P_o and thirty phrases of the model's vocabulary, which the engine's choice of a layout reads too.
        #expect((t["evidence"]?["text"]?["texts"]?.integer ?? 0) >= 31)
        #expect(t["files"]?["result"]?.string == "result.png")
        // The effective spec gives the same picture, byte for byte: it has every input.
        try FileManager.default.copyItem(atPath: "\(out)/spec.yaml", toPath: "\(folder.path)/again.yaml")
        let again = try Program.run([
            "edit", "\(folder.path)/r.png", "\(folder.path)/again.yaml", "--out", "\(folder.path)/2",
            "--threads", "1",
        ])
        #expect(again.code == 0, "\(again.errors)")
        let first = try Data(contentsOf: URL(filePath: "\(out)/result.png"))
        #expect(try Data(contentsOf: URL(filePath: "\(folder.path)/2/result.png")) == first)
        // A folder that is not empty is refused.
        #expect(try Program.run(["edit", "\(folder.path)/r.png", spec, "--out", out]).code == 73)
    }

    @Test func `a result has its picture's size, alpha and depth`() throws {
        let folder = try TemporaryFolder()
        let spec = "\(folder.path)/s.yaml"
        try "prompt: {source: a, edit: b}\n\(quick)".write(toFile: spec, atomically: true, encoding: .utf8)
        for (i, (width, height, depth)) in [(32, 40, 8), (301, 75, 16), (64, 257, 8)].enumerated() {
            let maximum = depth == 16 ? 65535 : 255
            let samples = (0..<width * height * 3).map { UInt16(($0 * 97) % (maximum + 1)) }
            let alpha = (0..<width * height).map { UInt16(($0 * 31) % (maximum + 1)) }
            let image = Image(width: width, height: height, depth: depth, samples: samples, alpha: alpha)
            let path = "\(folder.path)/\(i).png"
            try Data(try image.pngBytes()).write(to: URL(filePath: path))
            let (code, _, errors) = try Program.run([
                "edit", path, spec, "--out", "\(folder.path)/out\(i)", "--set", "fusion=text", "--set",
                "keep_source=false",
            ])
            #expect(code == 0, "\(errors)")
            let result = try Image(
                decoding: Array(Data(contentsOf: URL(filePath: "\(folder.path)/out\(i)/result.png"))))
            #expect((result.width, result.height, result.depth) == (width, height, depth))
            #expect(result.alpha == alpha)
        }
    }

    @Test func `edit reads the fixtures' jobs and LoRA files, and writes the reference's trace`() throws {
        let folder = try TemporaryFolder()
        let fixtures = "\(Self.root)Tests/Fixtures/starter"
        let job = "\(fixtures)/jobs/released_mask"
        let (code, _, errors) = try Program.run([
            "edit", "\(job)/image.png", "\(job)/job.json", "--model", "\(fixtures)/model", "--lora",
            "\(fixtures)/lora.safetensors", "--out",
            "\(folder.path)/out", "--trace", "\(folder.path)/trace.safetensors",
        ])
        #expect(code == 0, "\(errors)")
        let trace = try #require(
            JSONValue(parsing: Array(Data(contentsOf: URL(filePath: "\(folder.path)/trace.json")))))
        let expected = try #require(
            JSONValue(parsing: Array(Data(contentsOf: URL(filePath: "\(job)/trace.json")))))
        for key in [
            "outcome", "timestep", "handles_final", "handles_start", "targets", "grid", "radii", "image",
            "working", "latent",
        ] {
            #expect(trace[key] == expected[key], "\(key)")
        }
        let sizes = try [folder.path, job].map {
            try FileManager.default.attributesOfItem(atPath: "\($0)/trace.safetensors")[.size] as? Int
        }
        // Every tensor is there: the fixture leaves some out to stay small.
        #expect(try #require(sizes[0]) >= #require(sizes[1]))
    }

    @Test func `every failure has its exit code and one message`() throws {
        let folder = try TemporaryFolder()
        let image = example("rabbit-face.png")
        func write(_ name: String, _ text: String) throws -> String {
            try text.write(toFile: "\(folder.path)/\(name)", atomically: true, encoding: .utf8)
            return "\(folder.path)/\(name)"
        }
        let good = try write("good.yaml", "prompt: x\n")
        let bad = try write("bad.yaml", "promt: x\n")
        let outside = try write("outside.yaml", "drags: [{from: [1, 1], to: [500, 1]}]\n")
        let picture = try write("fake.png", "this is no picture, but long enough to be read as one")
        let config = try write("config.yaml", "workers: none\n")
        var n = 0
        func code(_ arguments: String...) throws -> Int32 {
            n += 1
            let run = try Program.run(arguments.map { $0 == "NEW" ? "\(folder.path)/o\(n)" : $0 })
            #expect(!run.errors.contains("Fatal error"), "\(arguments)")
            return run.code
        }
        #expect(try code("edit", image) == 64)
        #expect(try code("fly") == 64)
        #expect(try code("edit", image, good, "--out", "NEW", "--set", "max_step=1") == 64)
        #expect(try code("edit", image, good, "--out", "NEW", "--method", "clipdrg") == 64)
        #expect(try code("check", good, "--method", "clipdrg") == 64)
        #expect(try code("edit", image, bad, "--out", "NEW") == 65)
        #expect(try code("edit", image, outside, "--out", "NEW") == 65)
        #expect(try code("edit", picture, good, "--out", "NEW") == 65)
        #expect(try code("edit", "\(folder.path)/none.png", good, "--out", "NEW") == 66)
        #expect(try code("edit", image, "\(folder.path)/none.yaml", "--out", "NEW") == 66)
        #expect(try code("edit", image, good, "--out", "NEW", "--model", "no-such-model") == 69)
        #expect(try code("edit", image, good, "--out", "/proc/nowhere/out") == 73)
        #expect(try code("edit", image, good, "--out", "NEW", "--config", config) == 78)
        #expect(try code("check-config", config) == 78)
        #expect(
            try code(
                "run", "--once", "--inbox", "\(folder.path)/in", "--outbox", "\(folder.path)/in/out",
                "--state", folder.path) == 78)
        #expect(try code("check", good, bad) == 65)
        #expect(try code("--version") == 0)
        #expect(try code("models", "verify") == 0)
    }

    @Test(arguments: [
        (["edit", "--seed", "-1"], "--seed takes a whole number from 0 to \(Int.max), not `-1`."),
        (["edit", "--seed", "-2.5e3"], "--seed takes a whole number from 0 to \(Int.max), not `-2.5e3`."),
        (["edit", "--seed", "x"], "--seed takes a whole number from 0 to \(Int.max), not `x`."),
        (["edit", "--drag", "-5,3:10,3"], "the point is at -5, outside the picture"),
        (["edit", "--drag", "1,1:-.5,3"], "the point is at -0.5, outside the picture"),
        (["edit", "--drag", "1,1:9,9", "--threads", "-1"], "--threads takes a number from 1 to 256."),
        (
            ["edit", "--drag", "1,1:9,9", "--lora", "x", "--lora-scale", "-11"],
            "--lora-scale takes a number from -10 to 10."
        ),
        (["bench", "--runs", "-1"], "--runs takes a number from 0 to 1000"),
        (["bench", "--pixels", "-64"], "--pixels takes a multiple of 8"),
        (["evaluate", "x", "--out", "y", "--seeds", "-1,2"], "--seeds takes whole numbers from 0"),
        (["evaluate", "x", "--out", "y", "--steps", "-3"], "--steps takes whole numbers from 0"),
    ])
    func `a number that begins with a minus is its option's value, and the error names the range`(
        _ words: [String], _ message: String
    ) throws {
        let picture = Program.root.appending(path: "examples/rabbit-face.png").path(percentEncoded: false)
        let run = try Program.run([words[0]] + (words[0] == "edit" ? [picture] : []) + words.dropFirst())
        #expect(run.code == 64 || run.code == 65, "\(run.errors)")
        #expect(run.errors.contains(message), "\(run.errors)")
        #expect(!run.errors.contains("Missing value"))
    }

    @Test(arguments: ["84,22,90,30", "84 22 90 30", "(84,22):(90,30)", "84,22->90,30", "84px,22px:90px,30px"])
    func `a drag in another form is refused with the right one`(_ text: String) throws {
        let picture = Program.root.appending(path: "examples/rabbit-face.png").path(percentEncoded: false)
        let run = try Program.run(["edit", picture, "--drag", text])
        #expect(run.code == 64)
        #expect(
            run.errors.hasPrefix("--drag:1:1: error: `\(text)` is no drag\n")
                && run.errors.hasSuffix("Write --drag 84,22:90,30.\n"), "\(run.errors)")
    }

    @Test func `a number behind -- is a name and no value`() throws {
        let run = try Program.run(["check", "--json", "--", "-1"])
        #expect(run.code == 66 && run.errors.contains("-1"), "\(run.errors)")
    }

    @Test func `editor prints the path of the page`() throws {
        let path = Program.root.appending(path: "share/clipdragd/editor.html").path(percentEncoded: false)
        #expect(try Program.run(["editor"]).output == "\(path)\n")
        #expect(
            try Program.run(["editor", "--json"]).output
                == "{\"schema\":\"clipdrag-editor/1\",\"path\":\"\(path)\"}\n")
        #expect(try String(contentsOfFile: path, encoding: .utf8).contains("default-src 'none'"))
    }

    @Test func `check shows the plan, and notes that points are unchecked without a picture`() throws {
        let folder = try TemporaryFolder()
        let spec = "\(folder.path)/a.yaml"
        try "drags: [{from: [1, 1], to: [500, 1]}]\npreset: quick\n".write(
            toFile: spec, atomically: true, encoding: .utf8)
        let alone = try Program.run(["check", spec])
        #expect(alone.code == 0)
        #expect(alone.output.contains("no picture at hand: points and masks are not checked"))
        #expect(alone.output.contains("40 fine-tuning steps"))
        #expect(alone.output.contains("method     clipdrag"))
        let named = try Program.run(["check", spec, "--method", "clipdrag", "--json"])
        #expect(JSONValue(parsing: Array(named.output.utf8))?["method"]?.string == "clipdrag")
        let other = "\(folder.path)/b.yaml"
        try
            "drags: [{from: [1, 1], to: [50, 1]}]\nmask: {circle: [9, 9, 9]}\nsettings: {lambda: 0.5, warp: 0}\n"
            .write(toFile: other, atomically: true, encoding: .utf8)
        let none = try Program.run(["check", other, "--method", "none"])
        #expect(none.output.contains("note       the method `none` does not read `lambda`"))
        #expect(none.output.contains("note       the method `none` does not use the mask"))
        let with = try Program.run(["check", spec, "--image", example("rabbit-face.png")])
        #expect(with.code == 65)
        #expect(
            with.errors.contains(
                "a.yaml:1:28: error: `to` is at (500, 1), outside the picture of 128×128 pixels"))
    }

    @Test func `the daemon with its own worker publishes an edit and fails a truncated picture`() throws {
        let folder = try TemporaryFolder()
        let (inbox, outbox) = ("\(folder.path)/in", "\(folder.path)/out")
        try FileManager.default.createDirectory(atPath: inbox, withIntermediateDirectories: true)
        let picture = try Data(contentsOf: URL(filePath: example("rabbit-face.png")))
        try picture.write(to: URL(filePath: "\(inbox)/good.png"))
        try picture.prefix(2000).write(to: URL(filePath: "\(inbox)/cut.png"))
        for name in ["good", "cut"] {
            try "prompt: {source: rabbit, edit: fox}\n\(quick)".write(
                toFile: "\(inbox)/\(name).yaml", atomically: true, encoding: .utf8)
        }
        let config = "\(folder.path)/c.yaml"
        try "limits: {quiet: 0.1s}\n".write(toFile: config, atomically: true, encoding: .utf8)
        let (code, _, errors) = try Program.run([
            "run", "--once", "--inbox", inbox, "--outbox", outbox, "--state", "\(folder.path)/state",
            "--config", config,
        ])
        #expect(code == 75, "\(errors)")
        let names = try FileManager.default.contentsOfDirectory(atPath: "\(outbox)/good").sorted()
        #expect(names == ["result.png", "spec.yaml", "trajectory.json"])
        let error = try #require(
            JSONValue(parsing: Array(Data(contentsOf: URL(filePath: "\(inbox)/failed/cut/error.json")))))
        #expect(error["code"]?.string == "image.truncated")
        #expect(try Schema("error").problems(error) == [])
        #expect(
            try String(contentsOfFile: "\(inbox)/failed/cut/error.txt", encoding: .utf8).contains(
                "ends too early"))
    }

    @Test func `drags that all start within reach give a note before the edit runs`() throws {
        let folder = try TemporaryFolder()
        let spec = "\(folder.path)/a.yaml"
        try "drags: [{from: [60, 60], to: [61, 60]}]\nsettings: {reach: 2}\n".write(
            toFile: spec, atomically: true, encoding: .utf8)
        let run = try Program.run(["check", spec, "--image", example("rabbit-face.png")])
        #expect(run.code == 0)
        #expect(run.output.contains("every drag is shorter than `reach`"))
    }

    @Test
    func `the caption comes from a program, CLIP or the template, in the configured order`()
        throws
    {
        let folder = try TemporaryFolder()
        let program = "\(folder.path)/describe"
        try "#!/bin/sh\necho \"a fine $(basename \"$1\")\"\n".write(
            toFile: program, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
        func caption(_ captions: String) throws -> JSONValue? {
            let config = "\(folder.path)/c.yaml"
            try "captions: \(captions)\n".write(toFile: config, atomically: true, encoding: .utf8)
            let run = try Program.run(["caption", example("penguin.png"), "--config", config, "--json"])
            return JSONValue(parsing: Array(run.output.utf8))
        }
        let command = try caption("[{command: [\(program), \"{image}\"]}, template]")
        #expect(command?["caption"]?.string == "a fine penguin.png")
        #expect(command?["origin"]?.string == "command")
        #expect(try caption("[{command: [/bin/false]}, template]")?["origin"]?.string == "template")
        let clip = try caption("[clip, template]")
        #expect(clip?["origin"]?.string == "clip")
        #expect(clip?["caption"]?.string == "penguin")
        let words = "\(folder.path)/words.txt"
        try "rabbit\nfrog\n[attributes]\nred\n".write(toFile: words, atomically: true, encoding: .utf8)
        let other = try caption("{vocabulary: \(words)}")
        #expect(["rabbit", "frog"].contains(other?["caption"]?.string))
        #expect(try caption("{vocabulary: \(folder.path)/none}")?["origin"]?.string == "template")
    }

    @Test func `a guide that sees a small picture changes the edit, and the trajectory records that`() throws
    {
        let folder = try TemporaryFolder()
        let spec = "\(folder.path)/s.yaml"
        try "prompt: {source: rabbit, edit: fox}\n\(quick)".write(
            toFile: spec, atomically: true, encoding: .utf8)
        var losses: [Double] = []
        for decoder in ["full", "small"] {
            let out = "\(folder.path)/\(decoder)"
            let run = try Program.run([
                "edit", example("rabbit-face.png"), spec, "--out", out, "--set",
                "guidance_decoder=\(decoder)",
            ])
            #expect(run.code == 0, "\(run.errors)")
            let t = try #require(
                JSONValue(parsing: Array(Data(contentsOf: URL(filePath: "\(out)/trajectory.json")))))
            #expect(t["settings"]?["guidance_decoder"]?.string == decoder)
            guard case .array(let rows)? = t["iterations"] else { continue }
            losses.append(try #require(rows.first?["clip_loss"]?.number))
        }
        // Not the same loss, but of the same picture.
        #expect(losses.count == 2 && losses[0] != losses[1])
        #expect(abs(losses[0] - losses[1]) < 0.5 * losses[0])
    }

    @Test func `every example is a valid spec`() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: example("")).filter {
            $0.hasSuffix(".yaml")
        }
        #expect(!names.isEmpty)
        for name in names where name != "config.yaml" {
            let run = try Program.run(["check", example(name)])
            #expect(run.code == 0, "\(run.errors)")
            #expect(!run.output.contains("no picture"), "\(name)")
        }
    }
}
