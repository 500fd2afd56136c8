import Failures
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import Diffusion

/// LoRA files of peft, diffusers and kohya.
@Suite struct PublishedLoRATests {
    private let base = ModelFiles.base

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
        let path = Fixtures.path("\(ModelFiles.folder)/lora/\(name)" + (name == "peft" ? "" : ".safetensors"))
        let file = try LoRAFile(path: path, for: model)
        #expect(file.scaleSource == place && !file.doesNothing)
        let expected = try Fixtures.tensors("\(ModelFiles.folder)/lora.safetensors")
        let (before, after) = (try outputs(model), try outputs(model.merging(file)))
        let change = try expected.image("\(name).unet") - before.noise
        #expect(relativeError(after.noise - before.noise, change) < 1e-3, "\(file.description)")
        guard name == "text" else { return }
        let states = try expected.required("\(name).text")
        #expect(relativeError(after.states - before.states, states - before.states) < 1e-3)
    }

    @Test func `LoRA scales come from the files`() throws {
        let model = try DiffusionModel(folder: base)
        func scales(_ name: String) throws -> [String: Float] {
            try LoRAFile(path: Fixtures.path("\(ModelFiles.folder)/lora/\(name)"), for: model).unet.sites
                .mapValues(
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

    @Test func `a LoRA that does nothing gets a note`() throws {
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

    @Test func `LoRA factors that are not finite, and integers, are errors that name file and tensor`()
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

    @Test func `a scale in a configuration must agree with the factors`() throws {
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
}
