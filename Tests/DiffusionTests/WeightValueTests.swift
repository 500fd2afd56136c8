import Failures
import Foundation
import TensorCore
import TestSupport
import Testing

@testable import Diffusion

/// Values and types of weights that no model may have.
@Suite struct WeightValueTests {
    private let base = ModelFiles.base

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
    func `a model with integers instead of weights is refused`(_ dtype: String) throws {
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

    @Test func `a model with weights that are all zero gets a note`() throws {
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
