import Failures
import Foundation
import TensorCore
import Testing
import TestSupport

@testable import Diffusion

/// LoRA files that others made: every dialect of names gives the same factors, and they are added as they should be.
@Suite struct ForeignLoRATests {
    private let scratch: ScratchFolder
    private var path: String { "\(scratch.path)/lora.safetensors" }

    init() throws { scratch = try ScratchFolder() }

    private func underscored(_ name: String) -> String { name.replacingOccurrences(of: ".", with: "_") }

    /// Names of a U-Net site in every dialect, with the endings of its factors.
    private static let dialects: [(name: String, down: String, up: String, alpha: String)] = [
        ("unet.SITE", ".lora_A.weight", ".lora_B.weight", ".alpha"),
        ("SITE", ".lora_A.weight", ".lora_B.weight", ".alpha"),
        ("base_model.model.SITE", ".lora_A.default.weight", ".lora_B.default.weight", ".alpha"),
        ("unet.SITE", ".lora.down.weight", ".lora.up.weight", ".lora.alpha"),
        ("lora_unet_SITE", ".lora_down.weight", ".lora_up.weight", ".alpha"),
    ]

    private func factors(_ site: LoRASite, rank: Int, seed: Int) -> (down: Tensor, up: Tensor) {
        func values(_ count: Int, _ salt: Int) -> [Float] {
            (0..<count).map { Float(($0 &* 7919 &+ seed &* 104729 &+ salt) % 1009) / 5000 - 0.1 }
        }
        return (
            Tensor([rank, site.inputs], values(rank * site.inputs, 1)),
            Tensor([site.outputs, rank], values(rank * site.outputs, 2))
        )
    }

    private func write(_ tensors: [String: Tensor]) throws {
        try Data(SafeTensors.encoded(tensors)).write(to: URL(filePath: path))
    }

    @Test(arguments: dialects.indices)
    func `each dialect gives the same factors`(_ index: Int) throws {
        let dialect = Self.dialects[index]
        let model = try DiffusionModel(folder: Fixtures.path("sd15/model"))
        let sites = model.unet.linearSites
        #expect(
            sites.count == 10 * model.unet.selfAttentionLayerCount + 2 * model.unet.selfAttentionLayerCount)
        var tensors: [String: Tensor] = [:]
        for (i, site) in sites.enumerated() {
            let (down, up) = factors(site, rank: 3, seed: i)
            let isKohya = dialect.name.hasPrefix("lora_")
            let name = dialect.name.replacingOccurrences(
                of: "SITE", with: isKohya ? underscored(site.name) : site.name)
            let isPointwise = isKohya && site.name.contains("proj_") && !site.name.contains("ff")
            tensors[name + dialect.down] = isPointwise ? down.reshaped(down.shape + [1, 1]) : down
            tensors[name + dialect.up] = isPointwise ? up.reshaped(up.shape + [1, 1]) : up
            tensors[name + dialect.alpha] = Tensor([], [1.5])
        }
        try write(tensors)
        let file = try LoRAFile(path: path, for: model)
        #expect(file.unet.sites.count == sites.count && file.text.sites.isEmpty)
        for (i, site) in sites.enumerated() {
            let (down, up) = factors(site, rank: 3, seed: i)
            let found = try #require(file.unet.sites[site.name])
            #expect(found.down.values == down.values && found.up.values == up.values, "\(site.name)")
            #expect(found.scale == 0.5)
        }
    }

    @Test func `attention processors' names, and kohya's with the original checkpoints'`() throws {
        let model = try DiffusionModel(folder: Fixtures.path("sd15/model"))
        let block = "down_blocks.1.attentions.0.transformer_blocks.0"
        let original = "input_blocks_4_1_transformer_blocks_0"
        for (site, key) in [
            ("\(block).attn1.to_q", "\(block).attn1.processor.to_q_lora.DIR.weight"),
            ("\(block).attn2.to_out.0", "unet.\(block).attn2.processor.to_out_lora.DIR.weight"),
            ("\(block).attn2.to_k", "lora_unet_\(original)_attn2_to_k.lora_DIR.weight"),
            ("\(block).attn1.to_out.0", "lora_unet_\(original)_attn1_to_out_0.lora_DIR.weight"),
            ("\(block).ff.net.0.proj", "lora_unet_\(original)_ff_net_0_proj.lora_DIR.weight"),
            (
                "up_blocks.2.attentions.1.proj_in",
                "lora_unet_output_blocks_7_1_proj_in.lora_DIR.weight"
            ),
            ("mid_block.attentions.0.proj_out", "lora_unet_middle_block_1_proj_out.lora_DIR.weight"),
        ] {
            let layer = try #require(model.unet.linearSites.first { $0.name == site }, "\(site)")
            let (down, up) = factors(layer, rank: 2, seed: 5)
            try write([
                key.replacingOccurrences(of: "DIR", with: "down"): down,
                key.replacingOccurrences(of: "DIR", with: "up"): up,
            ])
            let found = try LoRAFile(path: path, for: model).unet.sites
            #expect(found.count == 1 && found[site]?.up.values == up.values, "\(key)")
            #expect(found[site]?.scale == 1)
        }
    }

    @Test(arguments: ["sd15", "sd21"])
    func `a LoRA adds scale · alpha/rank · up · down, in U-Net and text encoder`(_ family: String) throws {
        // The reference: the same sums, in double precision, written into the weights files of a copy.
        let copy = try ScratchFolder(copying: "\(family)/model")
        let model = try DiffusionModel(folder: Fixtures.path("\(family)/model"))
        var tensors: [String: Tensor] = [:]
        for (network, stem, sites) in [
            ("unet", "diffusion_pytorch_model", model.unet.linearSites),
            ("text_encoder", "model", model.textEncoder.linearSites),
        ] {
            let file = "\(copy.path)/\(network)/\(stem).safetensors"
            let source = try SafeTensors(path: file)
            var weights = Dictionary(
                uniqueKeysWithValues: try source.entries.keys.map { ($0, try source.required($0)) })
            for (i, site) in sites.enumerated() {
                let (down, up) = factors(site, rank: 2, seed: i)
                let prefix = network == "unet" ? "lora_unet_" : "lora_te_"
                tensors["\(prefix)\(underscored(site.name)).lora_down.weight"] = down
                tensors["\(prefix)\(underscored(site.name)).lora_up.weight"] = up
                tensors["\(prefix)\(underscored(site.name)).alpha"] = Tensor([], [1])
                let before = try #require(weights["\(site.name).weight"])
                let (a, b) = (up.values, down.values)
                let sums = before.values.enumerated().map { at, value in
                    let (row, column) = (at / site.inputs, at % site.inputs)
                    let product = (0..<2).reduce(0.0) {
                        $0 + Double(a[row * 2 + $1]) * Double(b[$1 * site.inputs + column])
                    }
                    return Float(Double(value) + 0.7 * 0.5 * product)
                }
                weights["\(site.name).weight"] = Tensor(before.shape, sums)
            }
            try Data(SafeTensors.encoded(weights)).write(to: URL(filePath: file))
        }
        try write(tensors)
        let merged = model.merging(try LoRAFile(path: path, for: model), scale: 0.7)
        let reference = try DiffusionModel(folder: copy.path)
        let x = try Fixtures.tensors("\(family)/modules.safetensors")
        let (latent, text) = (Variable(try x.image("unet.0.latent")), try x.required("unet.0.text"))
        func noise(_ model: DiffusionModel) -> Tensor {
            model.unet(latent, timesteps: [321], text: text).noise.value
        }
        #expect(relativeError(noise(merged), noise(reference)) < 1e-5)
        #expect(relativeError(noise(merged), noise(model)) > 1e-3)
        let (a, b) = (merged.textStates("a cat"), reference.textStates("a cat"))
        #expect(relativeError(a, b) < 1e-5)
        #expect(relativeError(a, model.textStates("a cat")) > 1e-3)
    }

    @Test func `the text encoder's names in diffusers' dialects`() throws {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        let site = try #require(
            model.textEncoder.linearSites.first { $0.name.hasSuffix("1.self_attn.q_proj") })
        let (down, up) = factors(site, rank: 2, seed: 3)
        let short = site.name.dropFirst("text_model.".count)
        for (a, b) in [
            ("text_encoder.\(site.name).lora_A.weight", "text_encoder.\(site.name).lora_B.weight"),
            ("text_encoder.\(short).lora_A.weight", "text_encoder.\(short).lora_B.weight"),
            (
                "text_encoder.\(site.name).lora_linear_layer.down.weight",
                "text_encoder.\(site.name).lora_linear_layer.up.weight"
            ),
            (
                "text_encoder.text_model.encoder.layers.1.self_attn.to_q_lora.down.weight",
                "text_encoder.text_model.encoder.layers.1.self_attn.to_q_lora.up.weight"
            ),
        ] {
            try write([a: down, b: up])
            let file = try LoRAFile(path: path, for: model)
            #expect(file.unet.sites.isEmpty && file.text.sites[site.name]?.up.values == up.values, "\(a)")
        }
    }

    @Test
    func `other methods, other layers, other families, half a pair and a pickle are refused with a reason`()
        throws
    {
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        let layer = "lora_unet_\(underscored(model.unet.linearSites[0].name))"
        for (keys, code, word) in [
            (["\(layer).hada_w1_a"], "model.unsupported", "LoHa"),
            (["\(layer).lokr_w1"], "model.unsupported", "LoKr"),
            (["\(layer).dora_scale"], "model.unsupported", "DoRA"),
            (["\(layer).oft_blocks"], "model.unsupported", "OFT"),
            (["\(layer).diff"], "model.unsupported", "full method"),
            (["\(layer).lora_mid.weight"], "model.key_missing", "one of the two factors"),
            (
                ["lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight"], "model.key_missing",
                "one of the two factors"
            ),
            (
                [
                    "lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight",
                    "lora_unet_down_blocks_0_resnets_0_conv1.lora_up.weight",
                ], "model.shape", "kernels of [3, 3]"
            ),
            (
                ["lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_up.weight"], "model.key_unknown",
                "lora_te2"
            ),
            (["\(layer).lora_down.weight"], "model.key_missing", "one of the two factors"),
            (["\(layer).lora_down.weight", "\(layer).lora_up.weight"], "model.shape", "[3, 3]"),
        ] as [([String], String, String)] {
            try write(Dictionary(uniqueKeysWithValues: keys.map { ($0, Tensor.zeros([3, 3])) }))
            let error = #expect(throws: Failure.self) { try LoRAFile(path: path, for: model) }
            #expect(error?.code == code, "\(keys)")
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
            #expect(error?.hint.isEmpty == false)
        }
        let site = model.unet.linearSites[0]
        try write([
            "\(layer).lora_down.weight": .zeros([0, site.inputs]),
            "\(layer).lora_up.weight": .zeros([site.outputs, 0]),
        ])
        #expect(
            #expect(throws: Failure.self) { try LoRAFile(path: path, for: model) }?.code == "model.shape")
        let pickle = "\(scratch.path)/lora.pt"
        try Data("x".utf8).write(to: URL(filePath: pickle))
        let error = #expect(throws: Failure.self) { try LoRAFile(path: pickle, for: model) }
        #expect(error?.code == "model.unsupported" && error?.message.contains("pickle") == true)
    }
}
