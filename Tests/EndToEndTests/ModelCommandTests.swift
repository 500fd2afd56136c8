import Digests
import DurableFiles
import Foundation
import JSON
import Testing
import TestSupport

/// `clipdragd models …` with the real program: making, listing, checking and using models of every layout.
@Suite(.serialized) struct ModelCommandTests {
    private let folder: TemporaryFolder
    private var state: String { "\(folder.path)/state" }
    private let files = FileManager.default
    private let sd15 = Fixtures.path("sd15/model")
    private let single = Fixtures.path("single_file/sd15.safetensors")

    init() throws { folder = try TemporaryFolder() }

    private func run(_ arguments: String...) throws -> (code: Int32, output: String, errors: String) {
        try Program.run(arguments + ["--state", state])
    }

    private func json(_ text: String) -> JSONValue? { JSONValue(parsing: Array(text.utf8)) }

    /// The bytes of the result of a fixture's job on a model.
    private func result(model: String, _ more: [String] = []) throws -> Data {
        let job = Fixtures.path("sd15/jobs/released_one_pair")
        let out = "\(folder.path)/out-\(UUID().uuidString)"
        let run = try Program.run(
            [
                "edit", "\(job)/image.png", "\(job)/job.json", "--out", out, "--model", model, "--state",
                state,
                "--threads", "1", "--set", "max_steps=1", "--set", "num_steps=5", "--set", "lora.steps=1",
            ] + more)
        #expect(run.code == 0, "\(run.errors)")
        return try Data(contentsOf: URL(filePath: "\(out)/result.png"))
    }

    private func contents(_ folder: String) -> [String] {
        let all = files.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return all.filter { !$0.hasPrefix(".") }.sorted()
    }

    @Test func `an imported folder keeps the files that the program reads, byte for byte`() throws {
        let source = "\(folder.path)/Some-Model"
        try files.copyItem(atPath: sd15, toPath: source)
        // The import copies only files that the program reads: no other formats, no variants.
        for name in [
            "unet/diffusion_pytorch_model.bin", "unet/diffusion_pytorch_model.fp16.safetensors", "a.onnx",
        ] {
            try Data("x".utf8).write(to: URL(filePath: "\(source)/\(name)"))
        }
        try files.removeItem(atPath: "\(source)/clip")
        let made = try run("models", "import", source, "--clip", "\(sd15)/clip")
        #expect(made.code == 0, "\(made.errors)")
        // The name and folder, and what was understood.
        #expect(made.output.hasPrefix("Some-Model\t\(state)/models/Some-Model\n"))
        for words in [
            "prediction: epsilon", "schedule: scaled_linear betas from 0.00085 to 0.012 (DDIMScheduler)",
            "tokenizer: 739 words and 225 merges of vocab.json and merges.txt, 77 ids, padded with `<|endoftext|>`",
            "weights: U-Net F16, VAE F16, text encoder F16, CLIP F16", "loras: none",
            "left out: 1 of CLIP's logit scale, 3 of position ids",
            "a.onnx, unet/diffusion_pytorch_model.bin",
        ] {
            #expect(made.output.contains(words), "\(words): \(made.output)")
        }
        #expect(contents("\(state)/models/Some-Model") == contents(sd15))
        for name in contents(sd15) where name.hasSuffix(".safetensors") {
            #expect(
                files.contentsEqual(atPath: "\(sd15)/\(name)", andPath: "\(state)/models/Some-Model/\(name)"))
        }
        #expect(try run("models", "list").output.contains("Some-Model\t\(state)/models/Some-Model\n"))
        #expect(try run("models", "verify", "Some-Model").output == "Some-Model: good\n")
        // A taken name is refused.
        let again = try run("models", "import", source)
        #expect(again.code == 73 && again.errors.contains("--name"))
        #expect(try files.contentsOfDirectory(atPath: "\(state)/models") == ["Some-Model"])
    }

    /// A copy of a model as huggingface_hub keeps downloads: files in `blobs/`, links to them in a snapshot.
    private func downloadCache(_ snapshots: [String], main: String?) throws -> String {
        let cache = "\(folder.path)/hub/models--some-org--Some-Model"
        try files.createDirectory(atPath: "\(cache)/blobs", withIntermediateDirectories: true)
        for snapshot in snapshots {
            for (i, name) in contents(sd15).enumerated() {
                let place = "\(cache)/snapshots/\(snapshot)/\(name)"
                var isFolder: ObjCBool = false
                _ = files.fileExists(atPath: "\(sd15)/\(name)", isDirectory: &isFolder)
                guard !isFolder.boolValue else {
                    try files.createDirectory(atPath: place, withIntermediateDirectories: true)
                    continue
                }
                let blob = "\(cache)/blobs/\(i)"
                if !files.fileExists(atPath: blob) {
                    try files.copyItem(atPath: "\(sd15)/\(name)", toPath: blob)
                }
                let up = String(repeating: "../", count: name.split(separator: "/").count + 1)
                try files.createDirectory(
                    atPath: URL(filePath: place).deletingLastPathComponent().path(),
                    withIntermediateDirectories: true)
                try files.createSymbolicLink(atPath: place, withDestinationPath: "\(up)blobs/\(i)")
            }
        }
        if let main {
            try files.createDirectory(atPath: "\(cache)/refs", withIntermediateDirectories: true)
            try Data("\(main)\n".utf8).write(to: URL(filePath: "\(cache)/refs/main"))
        }
        return cache
    }

    @Test func `a download cache means the snapshot that its refs/main names`() throws {
        let cache = try downloadCache(["0a1b", "2c3d"], main: "2c3d")
        try files.removeItem(atPath: "\(cache)/snapshots/0a1b/unet")
        let made = try run("models", "import", cache, "--clip", cache + "/snapshots/2c3d/clip")
        #expect(made.code == 0, "\(made.errors)")
        #expect(made.output.hasPrefix("Some-Model\t\(state)/models/Some-Model\n"))
        #expect(contents("\(state)/models/Some-Model") == contents(sd15))
        #expect(try run("models", "verify", cache).output.hasSuffix(": good\n"))
        #expect(try result(model: cache) == result(model: sd15))
        // A snapshot by itself has the model's name, too.
        try files.removeItem(atPath: "\(state)/models/Some-Model")
        #expect(try run("models", "import", "\(cache)/snapshots/2c3d/").output.hasPrefix("Some-Model\t"))
    }

    @Test func `a folder of models is named as such, and an address is no path`() throws {
        let cache = try downloadCache(["0a1b"], main: "0a1b")
        let hub = URL(filePath: cache).deletingLastPathComponent().path(percentEncoded: false).dropLast()
        for (place, inside) in [(String(hub), cache), ("\(cache)/snapshots", "\(cache)/snapshots/0a1b")] {
            let words = "\(place) is no model, but has one in it\nGive it: \(inside).\n"
            #expect(try run("models", "import", place).errors.contains(words))
            #expect(try run("models", "verify", place).errors.contains(words))
        }
        for source in ["https://example.org/some-org/Some-Model", "some-org/Some-Model"] {
            let refused = try run("models", "import", source)
            #expect(refused.code == 66 && refused.errors.contains("download a repository first"))
        }
    }

    @Test func `a download cache without refs/main means its only snapshot, and of several none`() throws {
        var cache = try downloadCache(["0a1b"], main: nil)
        #expect(try run("models", "verify", cache).output.hasSuffix(": good\n"))
        cache = try downloadCache(["2c3d"], main: "4e5f")
        for words in [["models", "import", cache], ["models", "verify", "\(cache)/"]] {
            let refused = try Program.run(words + ["--state", state])
            #expect(refused.code == 69)
            #expect(
                refused.errors.contains(
                    "2 snapshots, and refs/main names 4e5f, which is not among them\nGive one of them: \(cache)/snapshots/0a1b, \(cache)/snapshots/2c3d."
                ), "\(refused.errors)")
        }
        try files.removeItem(atPath: "\(cache)/snapshots")
        try files.createDirectory(atPath: "\(cache)/snapshots", withIntermediateDirectories: true)
        #expect(try run("models", "import", cache).errors.contains("is a download cache without a snapshot"))
    }

    @Test(arguments: ["sd15", "sd21"])
    func `a checkpoint file and its folder give models with byte-equal edits`(
        _ family: String
    )
        throws
    {
        let model = Fixtures.path("\(family)/model")
        let made = try run(
            "models", "import", Fixtures.path("single_file/\(family).safetensors"), "--name", "one",
            "--model-config", model, "--clip", "\(model)/clip")
        #expect(made.code == 0, "\(made.errors)")
        let job = Fixtures.path("\(family)/jobs/\(family == "sd15" ? "released_one_pair" : "released")")
        let results = try ["one", model].map { model in
            let out = "\(folder.path)/\(UUID().uuidString)"
            let run = try run(
                "edit", "\(job)/image.png", "\(job)/job.json", "--out", out, "--model", model, "--set",
                "max_steps=1", "--set", "num_steps=5", "--set", "lora.steps=1")
            #expect(run.code == 0, "\(run.errors)")
            return try Data(contentsOf: URL(filePath: "\(out)/result.png"))
        }
        #expect(results[0] == results[1])
    }

    @Test func `the import derives missing configurations, and notes where the prediction type comes from`()
        throws
    {
        let clip = "\(sd15)/clip"
        // The fixture with a VAE as wide as the 32 groups of the published models' norms need.
        var wide = try CheckpointFile(path: single)
        for (key, entry) in wide.entries where key.hasPrefix("first_stage_model.") {
            let shape = entry.shape.map { [16: 32, 24: 64, 32: 96][$0] ?? $0 }
            wide.entries[key] = .init(dtype: "F16", shape: shape, bytes: Data(count: 2 * shape.reduce(1, *)))
        }
        let single = "\(folder.path)/sd15.safetensors"
        try wide.write(single)
        func config(_ model: String, _ name: String) throws -> JSONValue? {
            json(try String(contentsOfFile: "\(state)/models/\(model)/\(name)", encoding: .utf8))
        }
        let scheduler = "scheduler/scheduler_config.json"
        let made = try run("models", "import", single, "--clip", clip, "--json")
        #expect(made.code == 0, "\(made.errors)")
        #expect(
            json(made.output)?["notes"]?.line.contains("it predicts epsilon: models of the 1.x family")
                == true)
        #expect(try config("sd15", scheduler)?["prediction_type"]?.string == "epsilon")
        #expect(try config("sd15", "unet/config.json")?["sample_size"]?.integer == 64)
        let said = try run(
            "models", "import", single, "--clip", clip, "--name", "v", "--prediction", "v_prediction")
        #expect(said.code == 0 && said.output.contains("it predicts v_prediction: you said so"))
        #expect(try config("v", scheduler)?["prediction_type"]?.string == "v_prediction")
        // SD 2.x pads prompts with `!`, which CLIP's own tokenizer does not.
        let second = Fixtures.path("sd21/model")
        let configs = "\(folder.path)/configs"
        try files.copyItem(atPath: second, toPath: configs)
        try files.removeItem(atPath: "\(configs)/tokenizer")
        let padded = try run(
            "models", "import", Fixtures.path("single_file/sd21.safetensors"), "--clip", "\(second)/clip",
            "--model-config", configs)
        #expect(padded.code == 0, "\(padded.errors)")
        #expect(try config("sd21", "tokenizer/tokenizer_config.json")?["pad_token"]?.string == "!")
        // The tiny 2.x has 16 channels where the published models' norms have 32 groups, which no shape shows.
        let refused = try run(
            "models", "import", Fixtures.path("single_file/sd21.safetensors"), "--clip", "\(second)/clip",
            "--name", "other")
        #expect(refused.code == 69 && refused.errors.contains("do not make 32 groups"), "\(refused.errors)")
    }

    @Test func `a failed import says what to do, and leaves no files`() throws {
        let pickle = "\(folder.path)/v1-5.ckpt"
        try Data("x".utf8).write(to: URL(filePath: pickle))
        let broken = "\(folder.path)/broken"
        try files.copyItem(atPath: sd15, toPath: broken)
        try files.removeItem(atPath: "\(broken)/vae/diffusion_pytorch_model.safetensors")
        let lora = Fixtures.path("sd15/lora.safetensors")
        for (arguments, code, words) in [
            ([pickle], 69, ["pickle", ".safetensors"]),
            ([single], 69, ["no tokenizer", "--clip"]),
            ([lora, "--clip", "\(sd15)/clip"], 69, ["a LoRA alone", "--lora"]),
            ([broken], 69, ["\(broken)/vae/diffusion_pytorch_model.safetensors is not there"]),
            (["/nowhere"], 66, ["/nowhere is not there"]),
            ([sd15, "--name", "../x"], 64, ["cannot be a model's name"]),
            (
                [sd15, "--name", "x", "--clip", "\(sd15)/vae"], 69,
                ["\(sd15)/vae/model.safetensors is not there"]
            ),
            ([sd15, "--name", "x", "--vae", lora], 69, ["no tensor"]),
        ] as [([String], Int32, [String])] {
            let made = try Program.run(["models", "import"] + arguments + ["--state", state])
            #expect(made.code == code, "\(arguments): \(made.errors)")
            for word in words { #expect(made.errors.contains(word), "\(arguments): \(made.errors)") }
            #expect((try? files.contentsOfDirectory(atPath: "\(state)/models")) ?? [] == [])
        }
        let direct = try run("models", "show", single)
        #expect(direct.code == 69 && direct.errors.contains("models import \(single)"))
        #expect(try run("models", "show", pickle).errors.contains("pickle"))
    }

    @Test func `a model's own VAE and LoRAs change its digest and its pictures`() throws {
        // A VAE of one file whose last bias is 0.
        var other = try CheckpointFile(path: single)
        other.entries = other.entries.filter { $0.key.hasPrefix("first_stage_model.") }
        let bias = "first_stage_model.decoder.conv_out.bias"
        var last = try #require(other.entries[bias])
        last.bytes = Data(repeating: 0x38, count: last.bytes.count)
        other.entries[bias] = last
        let vae = "\(folder.path)/vae.safetensors"
        try other.write(vae)
        func digest(_ model: String) throws -> String {
            try #require(json(try run("models", "show", model, "--json").output)?["sha256"]?.string)
        }
        let made = try run("models", "import", sd15, "--name", "swapped", "--vae", vae)
        #expect(made.code == 0, "\(made.errors)")
        #expect(!contents("\(state)/models/swapped").contains("vae/diffusion_pytorch_model.safetensors"))
        let plain = try result(model: sd15)
        let swapped = try result(model: "swapped")
        #expect(swapped != plain)
        #expect(try digest("swapped") != digest(sd15))
        // The same VAE, named in a model's clipdrag.json, anywhere on the disk.
        let named = "\(folder.path)/named"
        try files.copyItem(atPath: sd15, toPath: named)
        let settings = "\(named)/clipdrag.json"
        func set(_ text: String) throws { try Data(text.utf8).write(to: URL(filePath: settings)) }
        try set(#"{"vae": "\#(vae)"}"#)
        #expect(try result(model: named) == swapped)
        let before = try digest(named)
        try set(#"{"vae": "../vae.safetensors"}"#)
        #expect(try digest(named) != digest(sd15))
        let outside = try run("models", "import", named, "--name", "outside")
        #expect(outside.code == 69 && outside.errors.contains("write its whole path"), "\(outside.errors)")
        try files.createDirectory(atPath: "\(named)/own", withIntermediateDirectories: true)
        try files.copyItem(atPath: vae, toPath: "\(named)/own/vae.safetensors")
        try set(#"{"vae": "own/vae.safetensors"}"#)
        #expect(try run("models", "import", named, "--name", "inside").code == 0)
        #expect(files.contentsEqual(atPath: vae, andPath: "\(state)/models/inside/own/vae.safetensors"))
        try files.removeItem(atPath: "\(named)/own")
        #expect(try before != digest(sd15))
        // A LoRA at scale 0 changes nothing; at scale 1 it changes the picture.
        let lora = Fixtures.path("sd15/lora.safetensors")
        try set(#"{"loras": [{"file": "\#(lora)", "scale": 0}]}"#)
        #expect(try result(model: named) == plain)
        try set(#"{"loras": ["\#(lora)"]}"#)
        #expect(try result(model: named) != plain)
        #expect(try digest(named) != before)
        for (text, word) in [
            (#"{"recommended": {"r1": -1}}"#, "`r1` is -1, which is out of range"),
            ("[]", "clipdrag.json must be a mapping"), (#"{"vae": 3}"#, "`vae` must be text"),
            (#"{"lora": []}"#, "`lora`"),
            (#"{"loras": [{"file": "x", "scale": "much"}]}"#, "`scale`"),
            (#"{"loras": ["nowhere.safetensors"]}"#, "nowhere.safetensors"),
            (#"{"vae": "nowhere"}"#, "nowhere is not there"),
        ] {
            try set(text)
            let run = try run("models", "verify", named)
            #expect(run.code == 69 && run.errors.contains(word), "\(text): \(run.errors)")
        }
    }

    @Test func `a worker in its sandbox reads the VAE and the LoRA that lie outside the model's folder`()
        throws
    {
        let named = "\(folder.path)/named"
        try files.copyItem(atPath: sd15, toPath: named)
        try files.copyItem(atPath: "\(sd15)/vae", toPath: "\(folder.path)/elsewhere")
        let lora = "\(folder.path)/style.safetensors"
        try files.copyItem(atPath: Fixtures.path("sd15/lora.safetensors"), toPath: lora)
        let text = #"{"vae": "../elsewhere", "loras": ["\#(lora)"]}"#
        try Data(text.utf8).write(to: URL(filePath: "\(named)/clipdrag.json"))
        let job = Fixtures.path("sd15/jobs/released_one_pair")
        let out = "\(folder.path)/out"
        try files.createDirectory(atPath: out, withIntermediateDirectories: true)
        let run = try run(
            "edit-worker", "--spec", "\(job)/job.json", "--image", "\(job)/image.png", "--out", out, "--id",
            "1",
            "--name", "x", "--model", named)
        #expect(run.code == 0, "\(run.output)")
        #expect(files.fileExists(atPath: "\(out)/result.png"))
    }

    @Test func `--lora-scale scales the LoRA, and the trajectory records the scale`() throws {
        let lora = Fixtures.path("sd15/lora.safetensors")
        let whole = try result(model: sd15, ["--lora", lora])
        #expect(try result(model: sd15, ["--lora", lora, "--lora-scale", "1"]) == whole)
        let none = try result(model: sd15, ["--lora", lora, "--lora-scale", "0"])
        #expect(none != whole)
        #expect(try none == result(model: sd15, ["--set", "lora.steps=0"]))
        let out = "\(folder.path)/half"
        let job = Fixtures.path("sd15/jobs/released_one_pair")
        _ = try run(
            "edit", "\(job)/image.png", "\(job)/job.json", "--out", out, "--model", sd15, "--lora", lora,
            "--lora-scale", "0.5", "--set", "max_steps=1", "--set", "num_steps=5")
        let notes = json(try String(contentsOfFile: "\(out)/trajectory.json", encoding: .utf8))?["notes"]
        #expect(notes?.line.contains("lora.safetensors, times 0.5") == true)
        #expect(try run("edit", "a", "b", "--out", "c", "--lora-scale", "11").code == 64)
    }

    @Test func `a model's digest is the digest of its concatenated weights, at any size`() throws {
        let model = Program.root.appending(path: "Models/starter").path(percentEncoded: false)
        let weights = contents(model).filter { $0.hasSuffix(".safetensors") }
        let bytes = try weights.map { Array(try Data(contentsOf: URL(filePath: "\(model)/\($0)"))) }
        // More than one block, and a shorter last one.
        #expect(bytes.contains { $0.count > 2 << 20 && $0.count % (1 << 20) != 0 })
        let shown = json(try run("models", "show", "starter", "--json").output)
        #expect(shown?["sha256"]?.string == Digest.sha256(bytes))
        let file = "\(folder.path)/empty"
        for count in [0, 1 << 20, (1 << 20) + 1] {
            try Data(repeating: 7, count: count).write(to: URL(filePath: file))
            #expect(try Digest.sha256(files: [file]) == Digest.sha256([UInt8](repeating: 7, count: count)))
        }
    }
}
