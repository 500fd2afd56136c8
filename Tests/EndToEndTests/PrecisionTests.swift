import Foundation
import Imaging
import JSON
import Testing

/// The effects of `--precision`.
@Suite(.serialized) struct PrecisionTests {
    /// Runs an example's edit with few steps.
    private func edit(_ precision: String, _ more: String..., into out: String) throws -> (
        result: Image, trajectory: JSONValue
    ) {
        let examples = Program.root.appending(path: "examples").path(percentEncoded: false)
        let run = try Program.run(
            [
                "edit", "\(examples)/rabbit-face.png", "\(examples)/rabbit-ear.yaml", "--out", out,
                "--precision", precision, "--state", "\(out).state", "--set", "max_steps=12", "--set",
                "lora.steps=4",
            ] + more)
        #expect(run.code == 0, "\(run.errors)")
        func bytes(_ name: String) throws -> [UInt8] {
            Array(try Data(contentsOf: URL(filePath: "\(out)/\(name)")))
        }
        return (
            try Image(decoding: try bytes("result.png")),
            try #require(JSONValue(parsing: try bytes("trajectory.json")))
        )
    }

    @Test func `an edit in bf16 has the verdict of f32 and nearly its picture, and records its precision`()
        throws
    {
        let folder = try TemporaryFolder()
        // A drag that the stretch does alone has nothing of the model's.
        let exact = try edit("f32", "--set", "warp=0", into: "\(folder.path)/f32")
        let half = try edit("bf16", "--set", "warp=0", into: "\(folder.path)/bf16")
        #expect(exact.trajectory["model"]?["precision"]?.string == "f32")
        #expect(half.trajectory["verdict"] == exact.trajectory["verdict"])
        let squares = zip(exact.result.normalised, half.result.normalised).map { pow(Double($0 - $1), 2) }
        let error = squares.reduce(0, +) / Double(squares.count)
        let cpu = try String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
        if cpu.contains("avx512_bf16") {
            #expect(half.trajectory["model"]?["precision"]?.string == "bf16")
            #expect(error > 0 && error < 1e-3, "PSNR \(-10 * log10(error)) dB")
        } else {
            #expect(half.trajectory["model"]?["precision"]?.string == "f32")
            #expect(error == 0)
        }
    }

    @Test func `a small model computes in f32 by default`() throws {
        let folder = try TemporaryFolder()
        let auto = try edit("auto", "--set", "max_steps=1", into: "\(folder.path)/auto")
        #expect(auto.trajectory["model"]?["precision"]?.string == "f32")
    }
}
