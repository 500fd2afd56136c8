import Failures
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import Diffusion

/// Model files that diffusers, transformers and peft made themselves (oracle/make_model_files.py): what they compute from them is
/// what the engine computes.
@Suite struct ModelFilesTests {
    private static let folder = "model_files"
    private let base = Fixtures.path("starter/model")

    private struct Tokens: Decodable {
        struct Row: Decodable {
            let name: String
            let files: [String: JSONText]
            let ids: [[Int]]
        }
        let prompts: [String]
        let tokenizers: [Row]
    }

    /// A JSON value of any kind, kept as it is.
    private struct JSONText: Decodable {
        let value: Any

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let flag = try? container.decode(Bool.self) {
                value = flag
            } else if let number = try? container.decode(Int.self) {
                value = number
            } else if let text = try? container.decode(String.self) {
                value = text
            } else if let list = try? container.decode([JSONText].self) {
                value = list.map(\.value)
            } else {
                value = try container.decode([String: JSONText].self).mapValues(\.value)
            }
        }
    }

    private static func decode<T: Decodable>(_ name: String) throws -> T {
        try JSONDecoder().decode(
            T.self, from: Data(contentsOf: URL(filePath: Fixtures.path("\(folder)/\(name)"))))
    }

    // MARK: tokenizers

    @Test func `added tokens are transformers', wherever they are written`() throws {
        let tokens: Tokens = try Self.decode("tokens.json")
        #expect(tokens.tokenizers.count >= 10)
        for row in tokens.tokenizers {
            let scratch = try ScratchFolder(copying: "starter/model/tokenizer")
            for (name, fields) in row.files {
                let url = URL(filePath: "\(scratch.path)/\(name)")
                var object: [String: Any] = [:]
                if let data = try? Data(contentsOf: url) {
                    object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
                }
                let own = try #require(fields.value as? [String: Any])
                try JSONSerialization.data(withJSONObject: object.merging(own) { $1 }).write(to: url)
            }
            let tokenizer = try Tokenizer(folder: scratch.path)
            for (prompt, ids) in zip(tokens.prompts, row.ids) {
                #expect(tokenizer.ids(prompt) == ids, "\(row.name): \(prompt.debugDescription)")
            }
        }
    }

    private struct Saved: Decodable {
        let prompts: [String]
        let ids: [[Int]]
    }

    @Test func `a tokenizer as transformers 5 saves it is read from tokenizer.json alone`() throws {
        let saved: Saved = try Self.decode("saved5.json")
        let tokenizer = try Tokenizer(folder: Fixtures.path("\(Self.folder)/saved5"))
        for (prompt, ids) in zip(saved.prompts, saved.ids) {
            #expect(tokenizer.ids(prompt) == ids, "\(prompt.debugDescription)")
        }
        #expect(tokenizer.description.contains("tokenizer.json"))
        #expect(tokenizer.description.contains("added: <cattu>, <style>"), "\(tokenizer.description)")
    }

    @Test func `what a tokenizer.json leaves out is as CLIP has it, and what it has otherwise is refused`()
        throws
    {
        let saved: Saved = try Self.decode("saved5.json")
        let scratch = try ScratchFolder(copying: "\(Self.folder)/saved5")
        let url = URL(filePath: "\(scratch.path)/tokenizer.json")
        let whole = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        let model = try #require(whole["model"] as? [String: Any])
        let merges = try #require(model["merges"] as? [[String]])
        func write(_ change: (inout [String: Any]) -> Void) throws {
            var object = whole
            change(&object)
            try JSONSerialization.data(withJSONObject: object).write(to: url)
        }
        // Merges as texts, as before tokenizers 0.20; nothing but words and merges.
        try write {
            $0 = [
                "version": "1.0",
                "model": [
                    "type": "BPE", "vocab": model["vocab"] ?? [],
                    "merges": merges.map { "\($0[0]) \($0[1])" },
                ],
            ]
        }
        #expect(try Tokenizer(folder: scratch.path).ids(saved.prompts[0]) == saved.ids[0])
        for (word, change) in [
            ("suffix", { $0["model"] = model.merging(["end_of_word_suffix": ""]) { $1 } }),
            ("WordPiece", { $0["model"] = model.merging(["type": "WordPiece"]) { $1 } }),
            ("normalizer", { $0["normalizer"] = ["type": "NFC"] }),
            ("pre_tokenizer", { $0["pre_tokenizer"] = ["type": "ByteLevel"] }),
            ("`byte_fallback`", { $0["model"] = model.merging(["byte_fallback": true]) { $1 } }),
            ("</w>", { $0["model"] = ["vocab": ["a": 0], "merges": [[String]]()] }),
        ] as [(String, (inout [String: Any]) -> Void)] {
            try write(change)
            let error = #expect(throws: Failure.self) { try Tokenizer(folder: scratch.path) }
            #expect(
                error?.code == "model.unsupported" && error?.message.contains(word) == true,
                "\(word): \(error?.message ?? "")")
        }
    }

    @Test(arguments: ["\r\n", "\r", "\n\n"])
    func `merges are the same whichever way their lines end`(_ end: String) throws {
        let scratch = try ScratchFolder(copying: "starter/model/tokenizer")
        let url = URL(filePath: "\(scratch.path)/merges.txt")
        let text = try String(contentsOf: url, encoding: .utf8)
        try ("\u{feff}" + text.replacingOccurrences(of: "\n", with: end)).write(
            to: url, atomically: true, encoding: .utf8)
        let (a, b) = (
            try Tokenizer(folder: scratch.path),
            try Tokenizer(folder: Fixtures.path("starter/model/tokenizer"))
        )
        for prompt in ["a rabbit face", "crying cats, 12 of them!"] {
            #expect(a.ids(prompt) == b.ids(prompt))
        }
    }

    @Test func `a vocabulary and merges that do not belong together are refused with what is missing`() throws
    {
        let scratch = try ScratchFolder(copying: "starter/model/tokenizer")
        let url = URL(filePath: "\(scratch.path)/merges.txt")
        let whole = try String(contentsOf: url, encoding: .utf8)
        let lines = whole.split(separator: "\n").map(String.init)
        func error(_ text: String) throws -> Failure? {
            try text.write(to: url, atomically: true, encoding: .utf8)
            return #expect(throws: Failure.self) { try Tokenizer(folder: scratch.path) }
        }
        let empty = try error(lines[0] + "\n")
        #expect(empty?.code == "model.config" && empty?.message.contains("no merge makes") == true)
        #expect(empty?.message.contains("\(lines.count - 2) more") == true, "\(empty?.message ?? "")")
        let last = try #require(lines.last)
        let word = last.replacingOccurrences(of: " ", with: "")
        let cut = try error(lines.dropLast().joined(separator: "\n"))
        #expect(
            cut?.message.contains("no merge makes `\(word)`, a word of the vocabulary") == true,
            "\(cut?.message ?? "")")
        let foreign = try error(([lines[0], "q q", "qq q"] + lines.dropFirst()).joined(separator: "\n"))
        #expect(
            foreign?.message.contains("merge 1, `q q`, makes no word") == true, "\(foreign?.message ?? "")")
        #expect(try error(lines[0] + "\nabc\n")?.message.contains("“abc” is no merge") == true)
        // openai's file goes on after the last merge of the vocabulary.
        try (whole + "q q\nqq q</w>\n").write(to: url, atomically: true, encoding: .utf8)
        #expect(
            try Tokenizer(folder: scratch.path).ids("a rabbit")
                == Tokenizer(folder: Fixtures.path("starter/model/tokenizer")).ids("a rabbit"))
    }

    @Test
    func `a word of the vocabulary that stands for itself, and a token with two ids, are refused by name`()
        throws
    {
        let scratch = try ScratchFolder(copying: "starter/model/tokenizer")
        let url = URL(filePath: "\(scratch.path)/vocab.json")
        var words = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Int])
        words["<cattu>"] = 574
        try JSONSerialization.data(withJSONObject: words).write(to: url)
        let error = #expect(throws: Failure.self) { try Tokenizer(folder: scratch.path) }
        #expect(error?.message.contains("no merge makes `<cattu>`") == true)
        #expect(error?.hint.contains("added_tokens.json") == true)
        let added = URL(filePath: "\(scratch.path)/added_tokens.json")
        try Data(#"{"<cattu>": 574}"#.utf8).write(to: added)
        #expect(try Tokenizer(folder: scratch.path).ids("<cattu>")[1] == 574)
        try Data(#"{"<cattu>": 575}"#.utf8).write(to: added)
        let twice = #expect(throws: Failure.self) { try Tokenizer(folder: scratch.path) }
        #expect(
            twice?.message.contains("`<cattu>` has two ids, 574 and 575") == true, "\(twice?.message ?? "")")
    }

    @Test func `a token that the text encoder has no row for is named`() throws {
        let scratch = try ScratchFolder(copying: "starter/model")
        try Data(#"{"<cattu>": 574}"#.utf8).write(
            to: URL(filePath: "\(scratch.path)/tokenizer/added_tokens.json"))
        let error = #expect(throws: Failure.self) { try DiffusionModel(folder: scratch.path) }
        #expect(error?.message.contains("574 (`<cattu>`)") == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        ("tokenizer_class", "T5Tokenizer"), ("padding_side", "left"), ("truncation_side", "left"),
    ])
    func `what makes other ids of a prompt is refused by its key`(_ key: String, _ value: String) throws {
        let scratch = try ScratchFolder(copying: "starter/model/tokenizer")
        let url = URL(filePath: "\(scratch.path)/tokenizer_config.json")
        var config = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        config[key] = value
        try JSONSerialization.data(withJSONObject: config).write(to: url)
        let error = #expect(throws: Failure.self) { try Tokenizer(folder: scratch.path) }
        #expect(error?.code == "model.unsupported" && error?.message.contains("`\(key)` is \(value)") == true)
    }

    // MARK: schedules

    private struct Schedules: Decodable {
        struct Row: Decodable {
            let name, config, prediction: String
            let alphaBars: [Double]
            let final: Double

            enum CodingKeys: String, CodingKey {
                case name, config, prediction, final
                case alphaBars = "alpha_bar"
            }
        }
        let places: [Int]
        let schedules: [Row]
    }

    @Test func `every scheduler that samples these models gives diffusers' betas`() throws {
        let file: Schedules = try Self.decode("schedules.json")
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/scheduler_config.json"
        #expect(file.schedules.count >= 48)
        #expect(file.schedules.contains { $0.config.contains("-Infinity") })
        for row in file.schedules {
            try Data(row.config.utf8).write(to: URL(filePath: path))
            let schedule = try NoiseSchedule(try ConfigFile(path: path))
            for (place, expected) in zip(file.places, row.alphaBars) {
                let found = Double(schedule.alphaBars[place])
                #expect(abs(found - expected) <= 2e-6 * max(expected, 1e-3), "\(row.name): ᾱ_\(place)")
            }
            #expect(abs(Double(schedule.alphaBar(-1)) - row.final) <= 1e-6, "\(row.name)")
            #expect(schedule.prediction.rawValue == row.prediction, "\(row.name)")
        }
    }

    @Test func `schedulers of other families, and settings that change the network's output, are refused`()
        throws
    {
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/scheduler_config.json"
        for (key, value, word) in [
            ("_class_name", "FlowMatchEulerDiscreteScheduler", "FlowMatchEulerDiscreteScheduler"),
            ("_class_name", "EDMEulerScheduler", "EDMEulerScheduler"),
            ("_class_name", "IPNDMScheduler", "IPNDMScheduler"), ("use_flow_sigmas", true, "flow"),
            ("thresholding", true, "`thresholding`"), ("trained_betas", [0.1], "`trained_betas`"),
            ("snr_shift_scale", 3.0, "`snr_shift_scale`"), ("timestep_type", "continuous", "`timestep_type`"),
            ("something_new", 3, "`something_new`"), ("prediction_type", "sample", "`sample`"),
        ] as [(String, Any, String)] {
            var config: [String: Any] = ["_class_name": "EulerDiscreteScheduler"]
            config[key] = value
            try JSONSerialization.data(withJSONObject: config).write(to: URL(filePath: path))
            let error = #expect(throws: Failure.self) { try NoiseSchedule(try ConfigFile(path: path)) }
            #expect(
                error?.code == "model.unsupported" && error?.message.contains(word) == true,
                "\(key): \(error?.message ?? "")")
        }
    }

    @Test func `noise predicted under zero terminal SNR stays finite at the last timestep`() throws {
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/scheduler_config.json"
        try Data(#"{"rescale_betas_zero_snr": true, "prediction_type": "epsilon"}"#.utf8).write(
            to: URL(filePath: path))
        let schedule = try NoiseSchedule(try ConfigFile(path: path))
        #expect(schedule.factors(schedule.alphaBar(999)).x0z.isFinite && schedule.endsInNoise)
    }

    // MARK: configurations

    @Test func `keys that change a network are refused by name, on every network`() throws {
        for (network, key, value) in [
            ("unet", "downsample_padding", 0), ("unet", "center_input_sample", true),
            ("unet", "mid_block_scale_factor", 1.5), ("unet", "time_embedding_act_fn", "silu"),
            ("unet", "timestep_post_act", "silu"), ("unet", "conv_in_kernel", 5),
            ("unet", "conv_out_kernel", 1),
            ("unet", "resnet_out_scale_factor", 2.0), ("unet", "time_embedding_dim", 64),
            ("unet", "attention_type", "gated"), ("unet", "mid_block_type", NSNull()),
            ("unet", "norm_num_groups", NSNull()), ("unet", "something_new", 1),
            ("unet", "_class_name", "UNetMotionModel"),
            ("vae", "act_fn", "mish"), ("vae", "up_block_types", ["A", "B", "C"]),
            ("vae", "latents_std", [1, 1, 1, 1]),
            ("vae", "something_new", true), ("vae", "_class_name", "AutoencoderTiny"),
            ("text_encoder", "something_new", "x"), ("text_encoder", "quantization_config", ["bits": 8]),
            ("text_encoder", "model_type", "t5"), ("clip", "something_new", 2),
        ] as [(String, String, Any)] {
            let scratch = try ScratchFolder(copying: "starter/model")
            let url = URL(filePath: "\(scratch.path)/\(network)/config.json")
            var config = try #require(
                try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
            config[key] = value
            try JSONSerialization.data(withJSONObject: config).write(to: url)
            let error = #expect(throws: Failure.self) { try DiffusionModel(folder: scratch.path) }
            #expect(error?.code == "model.unsupported", "\(network) \(key): \(error?.message ?? "")")
            #expect(error?.message.contains("\(network)/config.json") == true, "\(error?.message ?? "")")
            #expect(error?.message.contains("`\(key)`") == true, "\(error?.message ?? "")")
        }
    }

    @Test
    func `numbers that JSON does not have are read where they change nothing, and refused where they count`()
        throws
    {
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/scheduler_config.json"
        func schedule(_ text: String) throws -> NoiseSchedule {
            try Data(text.utf8).write(to: URL(filePath: path))
            return try NoiseSchedule(try ConfigFile(path: path))
        }
        let text =
            #"{"lambda_min_clipped": -Infinity, "sigma_max":NaN, "tau_func": "Infinity \" NaN", "beta_end": 0.012}"#
        #expect(throws: Never.self) { try schedule(text) }
        #expect(try schedule("\u{feff}{}").alphaBars.count == 1000)
        let error = #expect(throws: Failure.self) { try schedule(#"{"beta_end": Infinity}"#) }
        #expect(error?.message.contains("`beta_end` is Infinity") == true, "\(error?.message ?? "")")
    }

    // MARK: LoRAs

    private func outputs(_ model: DiffusionModel) throws -> (noise: Tensor, states: Tensor) {
        let x = try Fixtures.tensors("starter/modules.safetensors")
        let latent = Variable(try x.image("unet.0.latent"))
        let noise = model.unet(
            latent, timesteps: [Int(try x.required("unet.0.timestep").scalar)],
            text: try x.required("unet.0.text"))
        return (noise.noise.value, model.textStates("a cat"))
    }

    /// The U-Net's own output, and how far every LoRA moves it: what is compared is the change.
    @Test(arguments: [
        ("alpha16", "lora_adapter_metadata"), ("rslora", "lora_adapter_metadata"),
        ("patterns", "lora_adapter_metadata"), ("text", "lora_adapter_metadata"),
        ("convolutions", "lora_adapter_metadata"), ("peft", "adapter_config.json"), ("locon", "alpha"),
        ("core", "alpha"),
    ])
    func `a LoRA changes the networks as in diffusers, wherever its scale is written`(
        _ name: String, _ place: String
    )
        throws
    {
        let model = try DiffusionModel(folder: base)
        let path = Fixtures.path("\(Self.folder)/lora/\(name)" + (name == "peft" ? "" : ".safetensors"))
        let file = try LoRAFile(path: path, for: model)
        #expect(file.scaleSource == place && !file.doesNothing)
        let expected = try Fixtures.tensors("\(Self.folder)/lora.safetensors")
        let (before, after) = (try outputs(model), try outputs(model.merging(file)))
        let change = try expected.image("\(name).unet") - before.noise
        #expect(relativeError(after.noise - before.noise, change) < 1e-3, "\(file.description)")
        guard name == "text" else { return }
        let states = try expected.required("\(name).text")
        #expect(relativeError(after.states - before.states, states - before.states) < 1e-3)
    }

    @Test func `scales are those that the files say`() throws {
        let model = try DiffusionModel(folder: base)
        func scales(_ name: String) throws -> [String: Float] {
            try LoRAFile(path: Fixtures.path("\(Self.folder)/lora/\(name)"), for: model).unet.sites.mapValues(
                \.scale)
        }
        #expect(try Set(scales("alpha16.safetensors").values) == [8])
        #expect(try Set(scales("rslora.safetensors").values) == [1.5])
        #expect(try Set(scales("peft").values) == [2.5])
        #expect(try Set(scales("peft/adapter_model.safetensors").values) == [2.5])
        for (site, scale) in try scales("patterns.safetensors") {
            let expected: Float =
                site.hasSuffix("attn2.to_k")
                ? 0.25 : site.hasSuffix("to_k") ? 3 : site.hasSuffix("attn1.to_q") ? 4 : 1
            #expect(scale == expected, "\(site)")
        }
    }

    /// A LoRA of one layer, as kohya writes it.
    private func kohya(alpha: Float, down: Float = 0.1, dtype: String = "F32", prefix: String = "lora_unet_")
        throws
        -> CheckpointFile
    {
        let site = try DiffusionModel(folder: base).unet.linearSites[1]
        let key = prefix + site.name.replacingOccurrences(of: ".", with: "_")
        func data(_ value: Float, _ count: Int) -> Data {
            Data((0..<count).flatMap { _ in withUnsafeBytes(of: value) { Array($0) } })
        }
        return CheckpointFile([
            "\(key).lora_down.weight": .init(
                dtype: dtype, shape: [2, site.inputs], bytes: data(down, 2 * site.inputs)),
            "\(key).lora_up.weight": .init(
                dtype: "F32", shape: [site.outputs, 2], bytes: data(0.1, 2 * site.outputs)),
            "\(key).alpha": .init(dtype: "F32", shape: [], bytes: data(alpha, 1)),
        ])
    }

    @Test func `a LoRA that does nothing says so`() throws {
        let model = try DiffusionModel(folder: base)
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/x.safetensors"
        for (alpha, down, nothing) in [(Float(0), Float(0.1), true), (1, 0, true), (1, 0.1, false)] {
            try kohya(alpha: alpha, down: down).write(path)
            let file = try LoRAFile(path: path, for: model)
            #expect(file.doesNothing == nothing)
            #expect(file.description.contains("it does nothing") == nothing)
        }
        var empty = CheckpointFile([:])
        empty.metadata = ["format": "pt"]
        try empty.write(path)
        let error = #expect(throws: Failure.self) { try LoRAFile(path: path, for: model) }
        #expect(error?.message.contains("no tensors") == true)
    }

    @Test func `values that are no numbers, and integers for weights, are refused naming file and tensor`()
        throws
    {
        let model = try DiffusionModel(folder: base)
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/x.safetensors"
        for (file, words) in [
            (try kohya(alpha: .nan), [".alpha`", "NaN"]),
            (try kohya(alpha: 1, down: -.infinity), [".lora_down.weight`", "−infinity"]),
            (try kohya(alpha: 1, dtype: "I32"), [".lora_down.weight`", "I32"]),
        ] {
            try file.write(path)
            let error = #expect(throws: Failure.self) { try LoRAFile(path: path, for: model) }
            for word in words + [path] {
                #expect(error?.message.contains(word) == true, "\(word): \(error?.message ?? "")")
            }
        }
    }

    @Test func `what is said of a scale must agree with the factors`() throws {
        let model = try DiffusionModel(folder: base)
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/x.safetensors"
        for (said, word) in [
            (#"{"unet.r": 3, "unet.lora_alpha": 3}"#, "rank"),
            (#"{"unet.r": 2, "unet.lora_alpha": 8}"#, "scale 0.5"),
            (#"{"unet.r": 2, "unet.use_dora": true}"#, "`use_dora`"),
            (#"{"unet.peft_type": "LOHA"}"#, "LOHA"),
            (#"{"unet.r": 2, "unet.something_new": 3}"#, "`something_new`"), ("{", "no JSON object"),
            (#"{"unet.init_lora_weights": "pissa_niter_4"}"#, "pissa"),
            (#"{"unet.r": 2, "unet.lora_alpha": NaN}"#, "`lora_alpha`"),
        ] {
            var file = try kohya(alpha: 1)
            file.metadata = ["lora_adapter_metadata": said]
            try file.write(path)
            let error = #expect(throws: Failure.self) { try LoRAFile(path: path, for: model) }
            #expect(error?.message.contains(word) == true, "\(said): \(error?.message ?? "")")
        }
        var file = try kohya(alpha: 1)
        file.metadata = ["lora_adapter_metadata": #"{"unet.r": 2, "unet.lora_alpha": 1}"#]
        try file.write(path)
        #expect(try LoRAFile(path: path, for: model).unet.sites.values.first?.scale == 0.5)
    }

    @Test func `kohya's newer name of the text encoder, and the original names of residual blocks, are read`()
        throws
    {
        let model = try DiffusionModel(folder: base)
        let scratch = try ScratchFolder()
        let path = "\(scratch.path)/x.safetensors"
        let site = try #require(model.textEncoder.linearSites.first)
        let key = "lora_te1_" + site.name.replacingOccurrences(of: ".", with: "_")
        try CheckpointFile(zeros: [
            "\(key).lora_down.weight": [2, site.inputs], "\(key).lora_up.weight": [site.outputs, 2],
        ]).write(path)
        #expect(try LoRAFile(path: path, for: model).text.sites.keys.contains(site.name))
        let sites = Dictionary(uniqueKeysWithValues: model.unet.loraLayers.map { ($0.name, $0) })
        for (original, name) in [
            ("input_blocks_1_0_in_layers_2", "down_blocks.0.resnets.0.conv1"),
            ("input_blocks_2_0_op", "down_blocks.0.downsamplers.0.conv"),
            ("input_blocks_3_0_skip_connection", "down_blocks.1.resnets.0.conv_shortcut"),
            ("input_blocks_1_0_emb_layers_1", "down_blocks.0.resnets.0.time_emb_proj"),
            ("middle_block_2_0_out_layers_3", nil),
            ("middle_block_2_out_layers_3", "mid_block.resnets.1.conv2"),
            ("output_blocks_1_1_conv", "up_blocks.0.upsamplers.0.conv"),
            ("output_blocks_3_2_conv", "up_blocks.1.upsamplers.0.conv"),
            ("input_blocks_0_0", "conv_in"), ("out_2", "conv_out"),
            ("time_embed_0", "time_embedding.linear_1"),
        ] as [(String, String?)] {
            let site = try #require(name.map { sites[$0] } ?? sites["conv_in"])
            try CheckpointFile(zeros: [
                "lora_unet_\(original).lora_down.weight": [2, site.inputs] + site.kernel,
                "lora_unet_\(original).lora_up.weight": [site.outputs, 2] + site.kernel.map { _ in 1 },
            ]).write(path)
            guard let name else {
                #expect(throws: Failure.self) { try LoRAFile(path: path, for: model) }
                continue
            }
            #expect(try Array(LoRAFile(path: path, for: model).unet.sites.keys) == [name], "\(original)")
        }
    }

    // MARK: values

    @Test(arguments: [
        ("F16", UInt32(0x7e00)), ("F16", 0xfc00), ("BF16", 0x7f80), ("F32", 0x7fc0_0000),
        ("F32", 0xff80_0000),
    ])
    func `a weight that is no finite number is found and named, in every type`(
        _ dtype: String, _ bits: UInt32
    ) throws {
        let scratch = try ScratchFolder(copying: "starter/model")
        let path = "\(scratch.path)/vae/diffusion_pytorch_model.safetensors"
        var file = try CheckpointFile(path: path)
        let key = "decoder.conv_in.weight"
        let shape = try #require(file.entries[key]).shape
        let size = dtype == "F32" ? 4 : 2
        var bytes = [UInt8](repeating: 0, count: size * shape.reduce(1, *))
        let place = 7
        for i in 0..<size { bytes[place * size + i] = UInt8(truncatingIfNeeded: bits >> (8 * UInt32(i))) }
        file.entries[key] = .init(dtype: dtype, shape: shape, bytes: Data(bytes))
        try file.write(path)
        _ = try DiffusionModel(folder: scratch.path)
        let error = #expect(throws: Failure.self) {
            try DiffusionModel(folder: scratch.path, checksValues: true)
        }
        #expect(error?.code == "model.values")
        #expect(error?.message.contains("\(path): `\(key)` has the value") == true, "\(error?.message ?? "")")
        #expect(error?.message.contains("at place 7") == true)
    }

    @Test(arguments: ["I8", "U8", "I64", "BOOL"])
    func `integers in the place of weights are refused when a model is loaded`(_ dtype: String) throws {
        let scratch = try ScratchFolder(copying: "starter/model")
        let path = "\(scratch.path)/unet/diffusion_pytorch_model.safetensors"
        var file = try CheckpointFile(path: path)
        let key = "mid_block.resnets.0.conv1.weight"
        let shape = try #require(file.entries[key]).shape
        let size = dtype == "I64" ? 8 : 1
        file.entries[key] = .init(dtype: dtype, shape: shape, bytes: Data(count: size * shape.reduce(1, *)))
        try file.write(path)
        let error = #expect(throws: Failure.self) { try DiffusionModel(folder: scratch.path) }
        #expect(error?.code == "model.unsupported")
        #expect(
            error?.message.contains("\(path): `\(key)` is stored as \(dtype)") == true,
            "\(error?.message ?? "")")
    }

    @Test func `weights that are all zero are told`() throws {
        let scratch = try ScratchFolder(copying: "starter/model")
        let path = "\(scratch.path)/unet/diffusion_pytorch_model.safetensors"
        var file = try CheckpointFile(path: path)
        let entry = try #require(file.entries["conv_in.weight"])
        file.entries["conv_in.weight"]?.bytes = Data(count: entry.bytes.count)
        try file.write(path)
        let notes = try DiffusionModel(folder: scratch.path, checksValues: true).notes
        #expect(
            notes.count == 1 && notes[0].contains("`conv_in.weight`") && notes[0].contains("downloaded whole")
        )
        #expect(try DiffusionModel(folder: base, checksValues: true).notes.isEmpty)
    }
}
