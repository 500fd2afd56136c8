import Failures
import Foundation
import TensorCore
import Testing
import TestSupport

@testable import Diffusion

/// Model folders in every way they are published: variants and shards. The tensors that are read are those of the plain
/// folder, byte for byte.
@Suite struct FolderLayoutTests {
    private static let networks = [
        ("unet", "diffusion_pytorch_model"), ("vae", "diffusion_pytorch_model"), ("text_encoder", "model"),
    ]
    private let files = FileManager.default
    private let model: ScratchFolder

    init() throws { model = try ScratchFolder(copying: "sd15/model") }

    /// Cuts a network's file into shards with an index, as the hub has them.
    private func shard(_ network: String, _ stem: String, into count: Int, variant: String = "") throws {
        let folder = "\(model.path)/\(network)"
        let whole = try CheckpointFile(path: "\(folder)/\(stem).safetensors")
        var map: [String: String] = [:]
        var parts = Array(repeating: CheckpointFile([:]), count: count)
        for (i, (key, entry)) in whole.entries.sorted(by: { $0.key < $1.key }).enumerated() {
            parts[i % count].entries[key] = entry
            map[key] = Self.shard(stem + variant, i % count, count)
        }
        for (i, part) in parts.enumerated() {
            try part.write("\(folder)/\(Self.shard(stem + variant, i, count))")
        }
        let index: [String: Any] = ["metadata": ["total_size": 1], "weight_map": map]
        try JSONSerialization.data(withJSONObject: index).write(
            to: URL(filePath: "\(folder)/\(stem).safetensors.index\(variant).json"))
        try files.removeItem(atPath: "\(folder)/\(stem).safetensors")
    }

    private static func shard(_ stem: String, _ i: Int, _ count: Int) -> String {
        "\(stem)-0000\(i + 1)-of-0000\(count).safetensors"
    }

    /// Every tensor of the plain fixture's networks, found in this folder in the same type with the same values.
    private func expectSameTensors() throws {
        for (network, stem) in Self.networks {
            let plain = try SafeTensors(path: Fixtures.path("sd15/model/\(network)/\(stem).safetensors"))
            let found = Weights(try ModelLayout.files("\(model.path)/\(network)", stem))
            #expect(!plain.entries.isEmpty)
            for (key, entry) in plain.entries {
                let (a, b) = (try #require(plain.stored(key)), try found.stored(key, entry.shape))
                #expect(a.element == b.element && a.widened.values == b.widened.values, "\(key)")
            }
        }
    }

    @Test(arguments: ["fp16", "bf16"])
    func `a variant is read where full precision is missing`(_ variant: String) throws {
        for (network, stem) in Self.networks {
            try files.moveItem(
                atPath: "\(model.path)/\(network)/\(stem).safetensors",
                toPath: "\(model.path)/\(network)/\(stem).\(variant).safetensors")
        }
        try expectSameTensors()
        _ = try DiffusionModel(folder: model.path)
    }

    @Test func `full precision is preferred to a variant`() throws {
        try Data().write(to: URL(filePath: "\(model.path)/unet/diffusion_pytorch_model.fp16.safetensors"))
        try expectSameTensors()
    }

    @Test(arguments: ["", ".fp16"])
    func `shards are read as one file`(_ variant: String) throws {
        for (network, stem) in Self.networks { try shard(network, stem, into: 3, variant: variant) }
        try expectSameTensors()
        let (a, b) = (
            try DiffusionModel(folder: model.path), try DiffusionModel(folder: Fixtures.path("sd15/model"))
        )
        #expect(a.textStates("a cat").values == b.textStates("a cat").values)
    }

    @Test(arguments: networks)
    func `one error names all missing shards`(_ network: String, _ stem: String) throws {
        try shard(network, stem, into: 4)
        let lost = [0, 2].map { Self.shard(stem, $0, 4) }
        for name in lost { try files.removeItem(atPath: "\(model.path)/\(network)/\(name)") }
        let error = #expect(throws: Failure.self) { try DiffusionModel(folder: model.path) }
        #expect(error?.code == "model.missing")
        for name in lost { #expect(error?.message.contains(name) == true) }
        #expect(error?.message.contains(Self.shard(stem, 1, 4)) == false)
        #expect(error?.message.contains("2 of 4 shards") == true)
    }

    @Test func `one error names all keys that a shard lacks`() throws {
        try shard("unet", "diffusion_pytorch_model", into: 2)
        let name = Self.shard("diffusion_pytorch_model", 1, 2)
        let path = "\(model.path)/unet/\(name)"
        var part = try CheckpointFile(path: path)
        let lost = part.entries.keys.sorted().prefix(7)
        for key in lost { part.entries[key] = nil }
        try part.write(path)
        let error = #expect(throws: Failure.self) { try DiffusionModel(folder: model.path) }
        #expect(error?.code == "model.key_missing")
        #expect(error?.message.contains("7 tensors") == true)
        #expect(error?.message.contains("`\(lost[0])` in \(name)") == true)
        #expect(error?.message.contains("and 2 more") == true)
    }

    @Test func `the error names an unknown key, whichever shard holds it`() throws {
        try shard("vae", "diffusion_pytorch_model", into: 2)
        let path = "\(model.path)/vae/\(Self.shard("diffusion_pytorch_model", 0, 2))"
        var part = try CheckpointFile(path: path)
        part.entries["decoder.extra"] = .init(dtype: "F16", shape: [1], bytes: Data(count: 2))
        try part.write(path)
        let error = #expect(throws: Failure.self) { try DiffusionModel(folder: model.path) }
        #expect(error?.code == "model.key_unknown")
        #expect(error?.message.contains("`decoder.extra`") == true)
    }

    @Test
    func `shards without an index, a damaged index and an index that leads out of its folder are errors`()
        throws
    {
        try shard("unet", "diffusion_pytorch_model", into: 2)
        let index = "\(model.path)/unet/diffusion_pytorch_model.safetensors.index.json"
        for (text, code) in [
            ("no JSON", "model.config"), ("{}", "model.config"),
            (#"{"weight_map": {"a": "../../secret.safetensors"}}"#, "model.config"),
        ] {
            try Data(text.utf8).write(to: URL(filePath: index))
            let error = #expect(throws: Failure.self) { try DiffusionModel(folder: model.path) }
            #expect(error?.code == code, "\(text)")
        }
        try files.removeItem(atPath: index)
        let error = #expect(throws: Failure.self) { try DiffusionModel(folder: model.path) }
        #expect(error?.code == "model.missing")
        #expect(error?.message.contains("index is not there") == true)
    }
}
