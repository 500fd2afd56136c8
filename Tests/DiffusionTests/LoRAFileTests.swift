import Diffusion
import Failures
import Foundation
import TensorCore
import Testing
import TestSupport

@Suite struct LoRAFileTests {
    @Test(arguments: Fixtures.families)
    func `both layouts of diffusers are read alike, and written back to the same bytes`(_ family: String)
        throws
    {
        let model = try DiffusionModel(folder: Fixtures.path("\(family)/model"))
        let layouts: [(name: String, encoded: (LoRA) -> [UInt8])] = [
            ("lora", { $0.encoded() }), ("lora_legacy", Self.encodedLegacy),
        ]
        for (name, encoded) in layouts {
            let path = Fixtures.path("\(family)/\(name).safetensors")
            let lora = try LoRAFile(path: path, for: model).unet
            #expect(lora.sites.count == model.unet.loraSites.count)
            #expect(Data(encoded(lora)) == (try Data(contentsOf: URL(filePath: path))), "\(name)")
        }
    }

    /// A file in diffusers' former layout, which this program reads only.
    private static func encodedLegacy(_ lora: LoRA) -> [UInt8] {
        var tensors: [String: Tensor] = [:]
        for (site, factors) in lora.sites {
            tensors["unet.\(site).lora.down.weight"] = factors.down
            tensors["unet.\(site).lora.up.weight"] = factors.up
        }
        return SafeTensors.encoded(tensors, metadata: ["format": "pt"])
    }

    @Test func `sites are those of the oracle in execution order`() throws {
        for family in Fixtures.families {
            let sites = try DiffusionModel(folder: Fixtures.path("\(family)/model")).unet.loraSites
            let training = try #require(try Fixtures.json("\(family)/lora_training.json") as? [String: Any])
            #expect(sites.map(\.name) == training["sites"] as? [String])
        }
    }

    @Test func `the error names a key that fits no layer`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let model = try DiffusionModel(folder: Fixtures.path("starter/model"))
        let file = folder.appending(path: "x.safetensors")
        for key in ["unet.down_blocks.9.attn1.to_q.lora_A.weight", "something_else"] {
            try Data(SafeTensors.encoded([key: .zeros([4, 4])])).write(to: file)
            let error = #expect(throws: Failure.self) {
                try LoRAFile(path: file.path(percentEncoded: false), for: model)
            }
            #expect(error?.code == "model.key_unknown")
            #expect(
                error?.message.contains(key.replacingOccurrences(of: "unet.", with: "").prefix(20)) == true)
        }
    }
}
