import Failures
import Foundation
import TensorCore
import Testing
import TestSupport

@testable import Diffusion

/// Checkpoints of one file with the original keys: the same tensors as the folder that they were made of, byte for byte.
@Suite struct SingleFileTests {
    private static let families = ["sd15", "sd21"]
    private static let networks = [
        ("unet", "diffusion_pytorch_model"), ("vae", "diffusion_pytorch_model"), ("text_encoder", "model"),
    ]
    private let files = FileManager.default

    private func checkpoint(_ family: String) -> String {
        Fixtures.path("single_file/\(family).safetensors")
    }

    /// The family's folder with the single file in the place of the networks' own.
    private func folder(_ family: String) throws -> ScratchFolder {
        let folder = try ScratchFolder(copying: "\(family)/model")
        for (network, stem) in Self.networks {
            try files.removeItem(atPath: "\(folder.path)/\(network)/\(stem).safetensors")
        }
        try files.copyItem(atPath: checkpoint(family), toPath: "\(folder.path)/model.safetensors")
        return folder
    }

    private func change(_ folder: ScratchFolder, _ body: (inout CheckpointFile) -> Void) throws -> Failure? {
        let path = "\(folder.path)/model.safetensors"
        var file = try CheckpointFile(path: path)
        body(&file)
        try file.write(path)
        return #expect(throws: Failure.self) { try DiffusionModel(folder: folder.path) }
    }

    @Test(arguments: families)
    func `every tensor is that of the folder it came from, byte for byte`(_ family: String) throws {
        let single = try SingleFile(path: checkpoint(family))
        func config(_ network: String) throws -> ConfigFile {
            try ConfigFile(path: Fixtures.path("\(family)/model/\(network)/config.json"))
        }
        let found = [
            try single.unetWeights(config("unet")), try single.vaeWeights(config("vae")),
            try single.textWeights(config("text_encoder")),
        ]
        // The old names of the VAE's attention are not those that the original keys are known by.
        let renamed = ["query": "to_q", "key": "to_k", "value": "to_v", "proj_attn": "to_out.0"]
        var count = 0
        for ((network, stem), weights) in zip(Self.networks, found) {
            let path = Fixtures.path("\(family)/model/\(network)/\(stem).safetensors")
            let folder = try SafeTensors(path: path)
            for (key, entry) in folder.entries where !key.hasSuffix("position_ids") {
                var parts = key.split(separator: ".").map(String.init)
                if network == "vae", let new = renamed[parts[parts.count - 2]] {
                    parts[parts.count - 2] = new
                }
                let (a, b) = (
                    try #require(folder.stored(key)),
                    try weights.stored(parts.joined(separator: "."), entry.shape)
                )
                #expect(a.element == b.element && a.widened.values == b.widened.values, "\(key)")
                count += 1
            }
            // And nothing in the file is left over.
            #expect(throws: Never.self) { try weights.finish() }
        }
        #expect(count > 900)
    }

    @Test(arguments: families)
    func `all networks compute the same bits as from the folder`(_ family: String) throws {
        let folder = try folder(family)
        let (a, b) = (
            try DiffusionModel(folder: folder.path),
            try DiffusionModel(folder: Fixtures.path("\(family)/model"))
        )
        let x = try Fixtures.tensors("\(family)/modules.safetensors")
        let (latent, text) = (try x.image("unet.0.latent"), try x.required("unet.0.text"))
        func noise(_ model: DiffusionModel) -> [Float] {
            model.unet(Variable(latent), timesteps: [500], text: text).noise.value.values
        }
        #expect(noise(a) == noise(b))
        #expect(a.textStates("a cat").values == b.textStates("a cat").values)
        let z = Variable(try x.image("vae.decode.in"))
        #expect(a.vae.decode(z).value.values == b.vae.decode(z).value.values)
        let image = try x.image("vae.encode.in")
        #expect(a.vae.encode(image).mean.values == b.vae.encode(image).mean.values)
    }

    @Test(arguments: families)
    func `the configurations are read off the shapes`(_ family: String) throws {
        let single = try SingleFile(path: checkpoint(family))
        let made = try single.configurations(prediction: single.prediction().kind, vae: nil)
        // What no shape shows, and the tiny models have otherwise than the published ones.
        let hidden = ["attention_head_dim", "num_attention_heads", "sample_size"]
        var compared = 0
        for (path, data) in made {
            let known = try #require(try Fixtures.json("\(family)/model/\(path)") as? [String: Any])
            let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            for (key, value) in object where !hidden.contains(key) && known[key] != nil {
                let expected = try #require(known[key])
                #expect("\(value)" == "\(expected)", "\(path): \(key)")
                compared += 1
            }
        }
        #expect(compared >= 25)
    }

    @Test
    func
        `the prediction comes from the metadata, a tensor, the family or the step count, and the reason names its source`()
        throws
    {
        let folder = try ScratchFolder()
        let path = "\(folder.path)/x.safetensors"
        func prediction(_ family: String, _ body: (inout CheckpointFile) -> Void) throws
            -> SingleFile.Prediction
        {
            var file = try CheckpointFile(path: checkpoint(family))
            body(&file)
            try file.write(path)
            return try SingleFile(path: path).prediction()
        }
        #expect(try prediction("sd15") { _ in }.kind == .epsilon)
        #expect(try prediction("sd21") { _ in }.kind == .velocity)
        let said = try prediction("sd15") { $0.metadata["modelspec.prediction_type"] = "v" }
        #expect(said.kind == .velocity && said.reason.contains("modelspec.prediction_type: v"))
        #expect(
            try prediction("sd21") { $0.metadata["modelspec.prediction_type"] = "epsilon" }.kind == .epsilon)
        let mark = CheckpointFile.Entry(dtype: "F16", shape: [0], bytes: Data())
        #expect(try prediction("sd15") { $0.entries["v_pred"] = mark }.kind == .velocity)
        let step = withUnsafeBytes(of: Int64(875_000)) { Data($0) }
        let base = try prediction("sd21") {
            $0.entries["global_step"] = .init(dtype: "I64", shape: [], bytes: step)
        }
        #expect(base.kind == .epsilon && base.reason.contains("global_step"))
        for (word, kind) in [
            ("v_prediction", NoiseSchedule.Prediction.velocity), ("V-Prediction", .velocity),
            ("eps", .epsilon),
        ] {
            #expect(
                try prediction("sd15") { $0.metadata["modelspec.prediction_type"] = word }.kind == kind,
                "\(word)")
        }
        let architecture = try prediction("sd21") {
            $0.metadata["modelspec.architecture"] = "stable-diffusion-v2-512"
        }
        #expect(architecture.kind == .epsilon && architecture.reason.contains("modelspec.architecture"))
    }

    @Test(arguments: ["flow", "", "variance_exploding", "sample", "rectified_flow"])
    func `an unknown prediction is refused, and the error names its word`(
        _ word: String
    )
        throws
    {
        let folder = try ScratchFolder()
        let path = "\(folder.path)/x.safetensors"
        var file = try CheckpointFile(path: checkpoint("sd15"))
        file.metadata["modelspec.prediction_type"] = word
        try file.write(path)
        let error = #expect(throws: Failure.self) { try SingleFile(path: path).prediction() }
        #expect(error?.code == "model.unsupported")
        #expect(error?.message.contains("`modelspec.prediction_type: \(word)`") == true)
        #expect(error?.hint.contains("--prediction") == true)
    }

    @Test func `metadata that contradict a tensor are refused`() throws {
        let folder = try ScratchFolder()
        let path = "\(folder.path)/x.safetensors"
        var file = try CheckpointFile(path: checkpoint("sd15"))
        file.metadata["modelspec.prediction_type"] = "epsilon"
        file.entries["v_pred"] = .init(dtype: "F16", shape: [0], bytes: Data())
        try file.write(path)
        let error = #expect(throws: Failure.self) { try SingleFile(path: path).prediction() }
        #expect(error?.code == "model.config" && error?.message.contains("v_pred") == true)
    }

    @Test func `a value of the metadata that is no text does not remove the others`() throws {
        let folder = try ScratchFolder()
        let path = "\(folder.path)/x.safetensors"
        var file = try CheckpointFile(path: checkpoint("sd15"))
        file.rawMetadata = [
            "modelspec.prediction_type": "v", "step": 3, "flag": true, "list": [1, "a"], "none": NSNull(),
        ]
        try file.write(path)
        #expect(try SingleFile(path: path).prediction().kind == .velocity)
        let metadata = try SafeTensors(path: path).metadata
        #expect(metadata["step"] == "3" && metadata["flag"] == "true" && metadata["list"] == #"[1,"a"]"#)
        #expect(metadata["none"] == "")
    }

    @Test func `a tensor ztsnr makes the schedule end in noise`() throws {
        let folder = try ScratchFolder()
        let path = "\(folder.path)/x.safetensors"
        func bars(_ body: (inout CheckpointFile) -> Void) throws -> [Float] {
            var file = try CheckpointFile(path: checkpoint("sd15"))
            body(&file)
            try file.write(path)
            let single = try SingleFile(path: path)
            let configs = try single.configurations(prediction: single.prediction().kind, vae: nil)
            let data = try #require(configs["scheduler/scheduler_config.json"])
            try data.write(to: URL(filePath: "\(folder.path)/s.json"))
            return try NoiseSchedule(try ConfigFile(path: "\(folder.path)/s.json")).alphaBars
        }
        let mark = CheckpointFile.Entry(dtype: "F32", shape: [], bytes: Data(count: 4))
        let (plain, rescaled) = (
            try bars { _ in },
            try bars {
                $0.entries["ztsnr"] = mark
                $0.entries["v_pred"] = mark
            }
        )
        #expect(plain[999] > 0.004 && rescaled[999] == 0 && abs(rescaled[0] - plain[0]) < 1e-6)
    }

    @Test func `the family decides the heads, whatever the shape of the projections`() throws {
        let folder = try ScratchFolder()
        let path = "\(folder.path)/x.safetensors"
        var file = try CheckpointFile(path: checkpoint("sd21"))
        var changed = 0
        for (key, entry) in file.entries
        where key.contains(".proj_in.weight") || key.contains(".proj_out.weight") {
            file.entries[key]?.shape = entry.shape + [1, 1]
            changed += 1
        }
        #expect(changed > 10)
        try file.write(path)
        let data = try #require(
            try SingleFile(path: path).configurations(prediction: .velocity, vae: nil)["unet/config.json"])
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect((object["attention_head_dim"] as? [Int])?.count == 4)
    }

    @Test(arguments: families)
    func `projections stored as convolutions and as matrices are the same network`(_ family: String) throws {
        let folder = try folder(family)
        let path = "\(folder.path)/model.safetensors"
        var file = try CheckpointFile(path: path)
        for (key, entry) in file.entries
        where key.contains(".proj_in.weight") || key.contains(".proj_out.weight") {
            file.entries[key]?.shape =
                entry.shape.count == 2 ? entry.shape + [1, 1] : Array(entry.shape.prefix(2))
        }
        try file.write(path)
        let x = try Fixtures.tensors("\(family)/modules.safetensors")
        let (latent, text) = (try x.image("unet.0.latent"), try x.required("unet.0.text"))
        func noise(_ model: DiffusionModel) -> [Float] {
            model.unet(Variable(latent), timesteps: [500], text: text).noise.value.values
        }
        #expect(
            try noise(DiffusionModel(folder: folder.path))
                == noise(DiffusionModel(folder: Fixtures.path("\(family)/model"))))
    }

    @Test func `text encoder keys without text_model are read`() throws {
        let folder = try folder("sd15")
        let path = "\(folder.path)/model.safetensors"
        var file = try CheckpointFile(path: path)
        let nested = "cond_stage_model.transformer.text_model."
        for (key, entry) in file.entries where key.hasPrefix(nested) {
            file.entries[key] = nil
            file.entries["cond_stage_model.transformer." + key.dropFirst(nested.count)] = entry
        }
        try file.write(path)
        let data = try #require(
            try SingleFile(path: path).configurations(prediction: .epsilon, vae: nil)[
                "text_encoder/config.json"])
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["hidden_size"] as? Int == 48 && object["num_hidden_layers"] as? Int == 2)
        #expect(
            try DiffusionModel(folder: folder.path).textStates("a cat").values
                == DiffusionModel(folder: Fixtures.path("sd15/model")).textStates("a cat").values)
    }

    @Test func `a missing key is named as the file would name it`() throws {
        for (family, key) in [
            ("sd15", "model.diffusion_model.output_blocks.5.2.conv.weight"),
            ("sd15", "first_stage_model.decoder.up.3.block.1.norm2.bias"),
            ("sd21", "cond_stage_model.model.transformer.resblocks.1.attn.in_proj_weight"),
        ] {
            let error = try change(try folder(family)) { $0.entries[key] = nil }
            #expect(error?.code == "model.key_missing", "\(key)")
            #expect(error?.message.contains("`\(key)`") == true, "\(error?.message ?? "")")
        }
    }

    @Test func `an unknown key is named, in a network and beside them`() throws {
        for key in [
            "model.diffusion_model.input_blocks.1.9.weight", "first_stage_model.extra", "something.else",
            "cond_stage_model.transformer.text_model.extra",
        ] {
            let error = try change(try folder("sd15")) {
                $0.entries[key] = .init(dtype: "F16", shape: [1], bytes: Data(count: 2))
            }
            #expect(error?.code == "model.key_unknown", "\(key)")
            #expect(error?.message.contains("`\(key)`") == true)
        }
    }

    @Test func `tensors without dimensions are no layers`() throws {
        for (family, key) in [
            ("sd15", "model.diffusion_model.input_blocks.1.0.out_layers.3.weight"),
            ("sd15", "first_stage_model.encoder.down.0.block.0.conv1.weight"),
            ("sd21", "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight"),
        ] {
            let folder = try folder(family)
            let error = try change(folder) {
                $0.entries[key] = .init(dtype: "F16", shape: [], bytes: Data(count: 2))
            }
            #expect(error?.code == "model.shape", "\(key)")
            guard family == "sd15" else { continue }
            let single = try SingleFile(path: "\(folder.path)/model.safetensors")
            let missing = #expect(throws: Failure.self) {
                try single.configurations(prediction: .epsilon, vae: nil)
            }
            #expect(
                missing?.message.contains("`\(key)` has the shape []") == true, "\(missing?.message ?? "")")
        }
    }

    @Test func `a truncated file, and two of them`() throws {
        let folder = try folder("sd15")
        try files.copyItem(atPath: checkpoint("sd21"), toPath: "\(folder.path)/other.safetensors")
        let two = #expect(throws: Failure.self) { try DiffusionModel(folder: folder.path) }
        #expect(two?.message.contains("model.safetensors, other.safetensors") == true)
        try files.removeItem(atPath: "\(folder.path)/other.safetensors")
        let path = URL(filePath: "\(folder.path)/model.safetensors")
        try Data(contentsOf: path).prefix(5_000_000).write(to: path)
        #expect(
            #expect(throws: Failure.self) { try DiffusionModel(folder: folder.path) }?.code == "model.file"
        )
    }

    // MARK: another VAE

    @Test(arguments: families)
    func `another VAE is used, from a folder, a file of its own or a whole checkpoint`(_ family: String)
        throws
    {
        let folder = try ScratchFolder(copying: "\(family)/model")
        let x = try Fixtures.tensors("\(family)/modules.safetensors")
        let z = Variable(try x.image("vae.decode.in"))
        let own = try DiffusionModel(folder: folder.path)
        // A VAE that differs: its last bias is 0.
        var other = try CheckpointFile(path: checkpoint(family)).entries.filter {
            $0.key.hasPrefix("first_stage_model.")
        }
        let bias = "first_stage_model.decoder.conv_out.bias"
        var last = try #require(other[bias])
        last.bytes = Data(count: last.bytes.count)
        other[bias] = last
        let bare = Dictionary(
            uniqueKeysWithValues: other.map {
                (String($0.key.dropFirst("first_stage_model.".count)), $0.value)
            })
        try CheckpointFile(other).write("\(folder.path)/prefixed.safetensors")
        try CheckpointFile(bare).write("\(folder.path)/bare.safetensors")
        try files.copyItem(atPath: "\(folder.path)/vae", toPath: "\(folder.path)/other")
        let path = "\(folder.path)/other/diffusion_pytorch_model.safetensors"
        var diffusers = try CheckpointFile(path: path)
        let zeros = Data(count: diffusers.entries["decoder.conv_out.bias"]?.bytes.count ?? 0)
        diffusers.entries["decoder.conv_out.bias"]?.bytes = zeros
        try diffusers.write(path)

        let decoded = try ["other", "prefixed.safetensors", "bare.safetensors"].map {
            try DiffusionModel(folder: folder.path, vae: "\(folder.path)/\($0)").vae.decode(z).value.values
        }
        #expect(decoded[0] == decoded[1] && decoded[1] == decoded[2])
        #expect(decoded[0] != own.vae.decode(z).value.values)
        let whole = try DiffusionModel(folder: folder.path, vae: checkpoint(family)).vae.decode(z).value
            .values
        #expect(whole == own.vae.decode(z).value.values)
    }

    @Test(arguments: families)
    func `a VAE file may have diffusers' keys, and other names in its attention`(_ family: String) throws {
        let folder = Fixtures.path("\(family)/model")
        let scratch = try ScratchFolder()
        let x = try Fixtures.tensors("\(family)/modules.safetensors")
        let z = Variable(try x.image("vae.decode.in"))
        let expected = try DiffusionModel(folder: folder).vae.decode(z).value.values
        // diffusers' names, without a configuration beside them, and below a prefix
        let diffusers = try CheckpointFile(path: "\(folder)/vae/diffusion_pytorch_model.safetensors")
        try diffusers.write("\(scratch.path)/plain.safetensors")
        try CheckpointFile(
            Dictionary(uniqueKeysWithValues: diffusers.entries.map { ("vae.\($0.key)", $0.value) })
        ).write("\(scratch.path)/below.safetensors")
        // original names, but for those of the attention
        var renamed = try CheckpointFile(path: checkpoint(family)).entries.filter {
            $0.key.hasPrefix("first_stage_model.")
        }
        for (key, entry) in renamed where key.contains(".mid.attn_1.") {
            let new = ["q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"]
            var parts = key.split(separator: ".").map(String.init)
            parts[parts.count - 2] = new[parts[parts.count - 2]] ?? parts[parts.count - 2]
            renamed[key] = nil
            renamed[parts.joined(separator: ".")] = entry
        }
        try CheckpointFile(renamed).write("\(scratch.path)/renamed.safetensors")
        for name in ["plain", "below", "renamed"] {
            let vae = try DiffusionModel(folder: folder, vae: "\(scratch.path)/\(name).safetensors").vae
            #expect(vae.decode(z).value.values == expected, "\(name)")
        }
        // A configuration beside the file says what no shape shows.
        let config = try Fixtures.json("\(family)/model/vae/config.json") as? [String: Any] ?? [:]
        let other = config.merging(["scaling_factor": 0.5]) { $1 }
        try JSONSerialization.data(withJSONObject: other).write(
            to: URL(filePath: "\(scratch.path)/config.json"))
        #expect(
            try DiffusionModel(folder: folder, vae: "\(scratch.path)/plain.safetensors").vae.scalingFactor
                == 0.5)
    }

    @Test func `the errors of a part of a VAE and of VAEs of other kinds say what they are`() throws {
        let folder = Fixtures.path("sd15/model")
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/vae.safetensors"
        let whole = try CheckpointFile(path: "\(folder)/vae/diffusion_pytorch_model.safetensors")
        let decoder = whole.entries.filter { $0.key.hasPrefix("decoder.") }
        var wide = whole
        wide.entries["decoder.conv_in.weight"]?.shape = [8, 16, 3, 3]
        let size = 2 * 8 * 16 * 9
        wide.entries["decoder.conv_in.weight"]?.bytes = Data(count: size)
        for (file, word) in [
            (CheckpointFile(decoder), "decoder alone"),
            (
                CheckpointFile(zeros: [
                    "decoder.layers.0.weight": [4, 4], "encoder.layers.0.weight": [4, 4],
                ]), "AutoencoderTiny"
            ),
            (wide, "16 channels"),
        ] {
            try file.write(path)
            let error = #expect(throws: Failure.self) { try DiffusionModel(folder: folder, vae: path) }
            #expect(error?.code == "model.unsupported")
            #expect(
                error?.message.contains(word) == true && error?.message.contains(path) == true,
                "\(error?.message ?? "")")
        }
    }

    @Test func `a VAE that does not fit, is not there, or is a pickle`() throws {
        let folder = Fixtures.path("sd15/model")
        let scratch = try ScratchFolder()
        let pickle = "\(scratch.path)/vae.pt"
        try Data("x".utf8).write(to: URL(filePath: pickle))
        for (path, code) in [
            (pickle, "model.unsupported"), ("/nowhere", "model.missing"),
            (Fixtures.path("sd15/lora.safetensors"), "model.key_missing"),
        ] {
            #expect(
                #expect(throws: Failure.self) { try DiffusionModel(folder: folder, vae: path) }?.code
                    == code,
                "\(path)")
        }
    }
}
