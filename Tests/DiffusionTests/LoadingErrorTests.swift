import Diffusion
import Failures
import Foundation
import TensorCore
import Testing
import TestSupport

/// A copy of a fixture's model with something wrong in it: the error names file and key, and says what to do.
@Suite struct LoadingErrorTests {
    private let folder: String
    private let files = FileManager.default

    init() throws {
        folder = files.temporaryDirectory.appending(path: UUID().uuidString).path(percentEncoded: false)
        try files.copyItem(atPath: Fixtures.path("starter/model"), toPath: folder)
    }

    private func error() -> Failure? {
        defer { try? files.removeItem(atPath: folder) }
        return #expect(throws: Failure.self) { try DiffusionModel(folder: folder) }
    }

    private func change(_ network: String, _ file: String, _ body: (inout [String: Tensor]) -> Void) throws {
        let path = "\(folder)/\(network)/\(file).safetensors"
        let source = try SafeTensors(path: path)
        var tensors = Dictionary(
            uniqueKeysWithValues: try source.entries.keys.map { ($0, try source.required($0)) })
        body(&tensors)
        try Data(SafeTensors.encoded(tensors)).write(to: URL(filePath: path))
    }

    private func configure(_ network: String, _ key: String, _ value: Any, file: String = "config") throws {
        let url = URL(filePath: "\(folder)/\(network)/\(file).json")
        var config = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: url)) as? [String: Any])
        config[key] = value
        try JSONSerialization.data(withJSONObject: config).write(to: url)
    }

    @Test func `a missing key`() throws {
        try change("unet", "diffusion_pytorch_model") { $0["conv_in.bias"] = nil }
        let error = error()
        #expect(error?.code == "model.key_missing")
        #expect(error?.message.contains("`conv_in.bias`") == true)
    }

    @Test func `an unknown key`() throws {
        try change("vae", "diffusion_pytorch_model") { $0["decoder.extra.weight"] = .zeros([2]) }
        let error = error()
        #expect(error?.code == "model.key_unknown")
        #expect(error?.message.contains("`decoder.extra.weight`") == true)
    }

    @Test func `known strays are no error`() throws {
        try change("text_encoder", "model") { $0["embeddings.position_ids"] = .zeros([1, 77]) }
        #expect(throws: Never.self) { try DiffusionModel(folder: folder) }
        try files.removeItem(atPath: folder)
    }

    @Test func `a wrong shape`() throws {
        try change("clip", "model") { $0["visual_projection.weight"] = .zeros([3, 3]) }
        let error = error()
        #expect(error?.code == "model.shape")
        #expect(error?.message.contains("`visual_projection.weight` has the shape [3, 3]") == true)
    }

    @Test func `a truncated file, and one that is none`() throws {
        let path = "\(folder)/unet/diffusion_pytorch_model.safetensors"
        let bytes = try Data(contentsOf: URL(filePath: path))
        for count in [bytes.count - 100, 1000, 4, 0] {
            try bytes.prefix(count).write(to: URL(filePath: path))
            let error = #expect(throws: Failure.self) { try DiffusionModel(folder: folder) }
            #expect(error?.code == "model.file", "\(count) bytes")
        }
        try Data("a text that is no weights file at all".utf8).write(to: URL(filePath: path))
        #expect(error()?.code == "model.file")
    }

    @Test func `an inpainting model, a larger family, a schedule by list and other networks`() throws {
        for (network, key, value, word) in [
            ("unet", "in_channels", 9, "inpainting"), ("unet", "addition_embed_type", "text_time", "XL"),
            ("unet", "act_fn", "gelu", "SiLU"),
            ("unet", "down_block_types", ["A", "B", "C"], "`A`"), ("vae", "shift_factor", 0.1, "shift"),
        ] as [(String, String, Any, String)] {
            let url = URL(filePath: "\(folder)/\(network)/config.json")
            let before = try Data(contentsOf: url)
            try configure(network, key, value)
            let error = #expect(throws: Failure.self) { try DiffusionModel(folder: folder) }
            #expect(error?.code == "model.unsupported", "\(key)")
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
            #expect(error?.hint.isEmpty == false)
            try before.write(to: url)
        }
        try files.removeItem(atPath: folder)
    }

    @Test func `norms and heads that do not come out even`() throws {
        for (network, key, value, word) in [
            ("unet", "norm_num_groups", 7, "7 groups"), ("unet", "attention_head_dim", 5, "5 heads"),
            ("unet", "norm_num_groups", 0, "0 groups"), ("vae", "norm_num_groups", 3, "3 groups"),
            ("text_encoder", "num_attention_heads", 7, "7 heads"),
        ] {
            let url = URL(filePath: "\(folder)/\(network)/config.json")
            let before = try Data(contentsOf: url)
            try configure(network, key, value)
            let error = #expect(throws: Failure.self) { try DiffusionModel(folder: folder) }
            #expect(error?.code == "model.config", "\(key)")
            #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
            try before.write(to: url)
        }
        try files.removeItem(atPath: folder)
    }

    @Test func `sizes and schedules that no network can have`() throws {
        for (network, file, key, value) in [
            ("unet", "config", "layers_per_block", -1), ("unet", "config", "attention_head_dim", [Int]()),
            ("unet", "config", "transformer_layers_per_block", [-1]),
            ("unet", "config", "block_out_channels", [0, 0, 0]), ("unet", "config", "sample_size", 1 << 40),
            ("vae", "config", "block_out_channels", [Int]()), ("vae", "config", "layers_per_block", -1),
            ("text_encoder", "config", "num_hidden_layers", -1),
            ("tokenizer", "tokenizer_config", "model_max_length", 1),
            ("tokenizer", "tokenizer_config", "model_max_length", 78),
            ("clip", "tokenizer_config", "model_max_length", 78),
            ("tokenizer", "vocab", "one too many", 574), ("clip", "vocab", "one too few", -1),
            ("scheduler", "scheduler_config", "steps_offset", 1000),
        ] as [(String, String, String, Any)] {
            let url = URL(filePath: "\(folder)/\(network)/\(file).json")
            let before = try Data(contentsOf: url)
            try configure(network, key, value, file: file)
            let error = #expect(throws: Failure.self) { try DiffusionModel(folder: folder) }
            #expect(error?.code == "model.config", "\(network) \(key)")
            #expect(error?.message.contains(network) == true, "\(error?.message ?? "")")
            try before.write(to: url)
        }
        try configure("scheduler", "num_train_timesteps", 500, file: "scheduler_config")
        #expect(error()?.code == "model.unsupported")
    }

    @Test func `a text encoder of another family`() throws {
        for part in ["text_encoder", "tokenizer"] {
            try files.removeItem(atPath: "\(folder)/\(part)")
            try files.copyItem(atPath: Fixtures.path("sd15/model/\(part)"), toPath: "\(folder)/\(part)")
        }
        let error = error()
        #expect(error?.code == "model.shape")
        #expect(error?.message.contains("48 values, the U-Net takes 32") == true, "\(error?.message ?? "")")
    }

    @Test func `a pickle file`() throws {
        try files.moveItem(
            atPath: "\(folder)/unet/diffusion_pytorch_model.safetensors",
            toPath: "\(folder)/unet/diffusion_pytorch_model.bin")
        let error = error()
        #expect(error?.code == "model.unsupported")
        #expect(error?.message.contains("pickle") == true)
    }

    @Test func `a folder that is missing, and one in it`() throws {
        #expect(
            #expect(throws: Failure.self) { try DiffusionModel(folder: "/nowhere") }?.code
                == "model.missing")
        try files.removeItem(atPath: "\(folder)/scheduler")
        #expect(error()?.code == "model.missing")
    }

    @Test func `without clip/ the model loads and has no guide`() throws {
        try files.removeItem(atPath: "\(folder)/clip")
        #expect(try DiffusionModel(folder: folder).guide == nil)
        try files.removeItem(atPath: folder)
    }

    @Test func `stored f16, bf16 and f32 are the same numbers where they can be`() throws {
        // 1.5 and -0.25 in each type
        let header =
            #"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]},"c":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}"#
        var bytes =
            (0..<8).map { UInt8(truncatingIfNeeded: header.utf8.count >> (8 * $0)) } + Array(header.utf8)
        bytes += [0x00, 0x3e, 0x00, 0xb4, 0xc0, 0x3f, 0x80, 0xbe, 0, 0, 0xc0, 0x3f, 0, 0, 0x80, 0xbe]
        let path = "\(folder)/x.safetensors"
        try Data(bytes).write(to: URL(filePath: path))
        let file = try SafeTensors(path: path)
        for key in ["a", "b", "c"] { #expect(try file.required(key).values == [1.5, -0.25], "\(key)") }
        try files.removeItem(atPath: folder)
    }
}
