import Diffusion
import Failures
import Foundation
import Testing
import TestSupport

/// Models that this program cannot run: the error names the kind of model and what to use instead.
@Suite struct ForeignModelTests {
    private let folder: ScratchFolder
    private var file: String { "\(folder.path)/x.safetensors" }

    init() throws { folder = try ScratchFolder() }

    /// Signs of other kinds of files, as their keys and shapes.
    private static let kinds: [(keys: [String: [Int]], word: String, hint: String)] = [
        (["model.diffusion_model.input_blocks.0.0.weight": [320, 9, 3, 3]], "inpainting", "4 channels"),
        (["model.diffusion_model.input_blocks.0.0.weight": [320, 8, 3, 3]], "8 channels", "4 channels"),
        (
            [
                "model.diffusion_model.input_blocks.0.0.weight": [320, 4, 3, 3],
                "conditioner.embedders.0.transformer.text_model.final_layer_norm.bias": [768],
            ], "Stable Diffusion XL", "1.x or 2.x"
        ),
        (
            ["model.diffusion_model.joint_blocks.0.x_block.attn.proj.bias": [1536]], "Stable Diffusion 3",
            "1.x or 2.x"
        ),
        (["double_blocks.0.img_attn.proj.bias": [3072]], "Flux", "1.x or 2.x"),
        (["control_model.input_blocks.0.0.weight": [320, 4, 3, 3]], "ControlNet", "1.x or 2.x"),
        (["emb_params": [4, 768]], "textual inversion", "1.x or 2.x"),
        (
            ["lora_unet_mid_block_attentions_0_proj_in.lora_down.weight": [4, 1280, 1, 1]], "a LoRA alone",
            "--lora"
        ),
        (["unet.mid_block.attentions.0.proj_in.lora_A.weight": [4, 1280]], "a LoRA alone", "--lora"),
        (
            ["mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_q_lora.down.weight": [4, 1280]],
            "a LoRA alone", "--lora"
        ),
        (
            ["decoder.conv_in.weight": [512, 4, 3, 3], "encoder.conv_in.weight": [128, 3, 3, 3]],
            "a VAE alone", "--vae"
        ),
        (["first_stage_model.decoder.conv_in.weight": [512, 4, 3, 3]], "a VAE alone", "--vae"),
    ]

    @Test(arguments: kinds.indices)
    func `a checkpoint of another kind is recognised by its keys and shapes`(_ index: Int) throws {
        let kind = Self.kinds[index]
        try CheckpointFile(zeros: kind.keys.mapValues { $0.map { min($0, 16) } }).write(file)
        let error = #expect(throws: Failure.self) { try SingleFile(path: file) }
        #expect(error?.code == "model.unsupported", "\(kind.keys)")
        #expect(error?.message.contains(kind.word) == true, "\(error?.message ?? "")")
        #expect(error?.message.contains(file) == true)
        #expect(error?.hint.contains(kind.hint) == true, "\(error?.hint ?? "")")
    }

    @Test func `a checkpoint without one of its three networks says which`() throws {
        for (prefix, word) in [
            ("model.diffusion_model.", "U-Net"), ("first_stage_model.", "VAE"),
            ("cond_stage_model.", "text encoder"),
        ] {
            var whole = try CheckpointFile(path: Fixtures.path("single_file/sd15.safetensors"))
            whole.entries = whole.entries.filter { !$0.key.hasPrefix(prefix) }
            try whole.write(file)
            let error = #expect(throws: Failure.self) { try SingleFile(path: file).require() }
            // Without a U-Net it is a VAE, and a text encoder.
            #expect(
                error?.message.contains(prefix.hasPrefix("model.") ? "a VAE alone" : "no \(word)") == true)
        }
    }

    @Test(arguments: [
        ("transformer", "Stable Diffusion 3, Flux"), ("text_encoder_2", "Stable Diffusion XL"),
        ("text_encoder_3", "Stable Diffusion 3"), ("prior", "prior"),
    ])
    func `a folder of another family is recognised by its parts`(_ part: String, _ word: String) throws {
        for name in ["unet", part] {
            try FileManager.default.createDirectory(
                atPath: "\(folder.path)/\(name)", withIntermediateDirectories: true)
        }
        let error = #expect(throws: Failure.self) { try DiffusionModel(folder: folder.path) }
        #expect(error?.code == "model.unsupported")
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
        #expect(error?.hint.contains("1.x or 2.x") == true)
    }

    @Test(arguments: ["model.ckpt", "pytorch_model.bin", "x.PT"])
    func `a pickle file is refused by its name, whether or not it exists`(_ name: String) throws {
        let error = #expect(throws: Failure.self) { try DiffusionModel.refuse(path: "/models/\(name)") }
        #expect(error?.code == "model.unsupported")
        #expect(error?.message.contains("pickle") == true)
        #expect(error?.hint.contains(".safetensors") == true)
    }

    @Test func `weights of a type that is not read are named with it`() throws {
        try CheckpointFile([
            "model.diffusion_model.out.2.weight": .init(dtype: "F8_E4M3", shape: [4], bytes: Data(count: 4))
        ]).write(file)
        let error = #expect(throws: Failure.self) { try SingleFile(path: file) }
        #expect(error?.code == "model.file")
        #expect(error?.message.contains("F8_E4M3") == true)
    }

    /// Beginnings of files that are no safetensors, under its name.
    private static let others: [(bytes: [UInt8], word: String, hint: String)] = [
        (Array("PK\u{3}\u{4}".utf8) + [20, 0, 0, 0, 8, 8, 0, 0], "pickle", ".safetensors"),
        ([0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8], "pickle", ".safetensors"),
        ([0x80, 4, 0x95, 1, 0, 0, 0, 0, 0, 0, 0, 0x7d], "pickle", ".safetensors"),
        (Array("GGUF".utf8) + [3, 0, 0, 0, 1, 0, 0, 0], "GGUF", "f16"),
        (
            Array("model/unet/config.json".utf8) + [UInt8](repeating: 0, count: 235) + Array("ustar  ".utf8)
                + [UInt8](repeating: 0, count: 248), "tar archive", "Unpack"
        ),
        (Array("\n <!DOCTYPE html><html><body>Log in</body></html>".utf8), "HTML", "again"),
        (Array("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>".utf8), "XML", "again"),
        (Array("{\"error\": \"Access to model is restricted\"}".utf8), "JSON", "again"),
        (
            Array("version https://git-lfs.github.com/spec/v1\r\noid sha256:4d7a\r\nsize 3438\r\n".utf8),
            "Git LFS", "git lfs pull"
        ),
        (Array("Entry not found".utf8), "“Entry not found”", "again"),
        ([], "is empty", "again"),
        ([UInt8](repeating: 0, count: 4096), "4096 zero bytes", "finish"),
        ([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], "gzip", "Unpack"),
        ([0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a], "HDF5", ".safetensors"),
    ]

    @Test(arguments: others.indices)
    func `the error of another file under the name of weights says what it is and what to do`(_ index: Int)
        throws
    {
        let other = Self.others[index]
        try Data(other.bytes).write(to: URL(filePath: file))
        let error = #expect(throws: Failure.self) { try SingleFile(path: file) }
        #expect(error?.message.contains(other.word) == true, "\(error?.message ?? "")")
        #expect(error?.hint.contains(other.hint) == true, "\(error?.hint ?? "")")
        #expect(error?.message.contains(file) == true)
        let isOther = ["pickle", "GGUF", "gzip", "HDF5", "tar archive"].contains(other.word)
        #expect(error?.code == (isOther ? "model.unsupported" : "model.file"))
    }

    @Test func `a file of metadata alone is no model`() throws {
        var empty = CheckpointFile([:])
        empty.metadata = ["format": "pt"]
        try empty.write(file)
        let error = #expect(throws: Failure.self) { try SingleFile(path: file) }
        #expect(error?.code == "model.file" && error?.message.contains("no tensors") == true)
    }
}
