import Diffusion
import Failures
import Foundation
import TensorCore
import Testing
import TestSupport

@Suite struct LoRAFileTests {
    @Test(arguments: Fixtures.families)
    func `both layouts are read alike and written back to the same bytes`(_ family: String) throws {
        let sites = try DiffusionModel(folder: Fixtures.path("\(family)/model")).unet.loraSites
        for (name, layout) in [("lora", LoRA.Layout.peft), ("lora_legacy", .legacy)] {
            let path = Fixtures.path("\(family)/\(name).safetensors")
            let lora = try LoRA(path: path, sites: sites)
            #expect(lora.sites.count == sites.count)
            #expect(Data(lora.encoded(layout)) == (try Data(contentsOf: URL(filePath: path))), "\(name)")
        }
    }

    @Test func `sites are those of the oracle in execution order`() throws {
        for family in Fixtures.families {
            let sites = try DiffusionModel(folder: Fixtures.path("\(family)/model")).unet.loraSites
            let training = try #require(try Fixtures.json("\(family)/lora_training.json") as? [String: Any])
            #expect(sites.map(\.name) == training["sites"] as? [String])
        }
    }

    @Test func `a key that fits no layer is named`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let sites = try DiffusionModel(folder: Fixtures.path("starter/model")).unet.loraSites
        let file = folder.appending(path: "x.safetensors")
        for key in ["unet.down_blocks.9.attn1.to_q.lora_A.weight", "something_else"] {
            try Data(SafeTensors.encoded([key: .zeros([4, 4])])).write(to: file)
            let error = #expect(throws: Failure.self) {
                try LoRA(path: file.path(percentEncoded: false), sites: sites)
            }
            #expect(error?.code == "model.key_unknown")
            #expect(
                error?.message.contains(key.replacingOccurrences(of: "unet.", with: "").prefix(20)) == true)
        }
    }
}
