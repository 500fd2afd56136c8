import Foundation
import TensorCore
import TestSupport
import Testing

@testable import Evaluation

/// The measures against scikit-image and the PyPI package `lpips` (oracle/make_measure_fixtures.py).
@Suite struct MeasureTests {
    /// Weights that look random: the same in the script. A multiply and two shifts of the index, as a number from −1 to 1.
    static func hashed(_ shape: [Int], salt: UInt32, bound: Float) -> Tensor {
        Tensor(shape) { out in
            for i in out.indices {
                var x = UInt32(truncatingIfNeeded: i) &+ salt &* 0x9e37_79b9
                x = (x ^ (x >> 16)) &* 0x85eb_ca6b
                x = (x ^ (x >> 13)) &* 0xc2b2_ae35
                x ^= x >> 16
                out[i] = bound * (Float(x >> 8) / 8_388_608 - 1)
            }
        }
    }

    private static func pixels(_ tensor: Tensor) -> Pixels {
        Pixels(width: tensor.shape[1], height: tensor.shape[0], values: tensor.values)
    }

    @Test func `PSNR and SSIM of a part are scikit-image's`() throws {
        let file = try Fixtures.tensors("measures/measures.safetensors")
        let json = try #require(try Fixtures.json("measures/measures.json") as? [String: Any])
        let a = Self.pixels(try file.required("a"))
        let b = Self.pixels(try file.required("b"))
        let part = try file.required("part").values.map { $0 > 0 }
        let psnr = try #require(PictureMeasures.psnr(a, b, where: part))
        let ssim = try #require(PictureMeasures.ssim(a, b, where: part))
        #expect(abs(psnr - (try #require(json["psnr"] as? Double))) < 1e-4)
        #expect(abs(ssim - (try #require(json["ssim"] as? Double))) < 1e-6)
        #expect(PictureMeasures.psnr(a, a, where: part) == 99)
        #expect(PictureMeasures.psnr(a, b, where: part.map { _ in false }) == nil)
        let changed = PictureMeasures.changed(a, b).count { $0 }
        #expect(changed == json["changed"] as? Int)
    }

    @Test func `LPIPS over a random AlexNet is that of the package, with the heads that it ships`() throws {
        let file = try Fixtures.tensors("measures/measures.safetensors")
        let json = try #require(try Fixtures.json("measures/measures.json") as? [String: Any])
        let folder = try Scratch()
        var weights: [String: Tensor] = [:]
        for (i, row) in try #require(json["layers"] as? [[String: Any]]).enumerated() {
            let name = try #require(row["name"] as? String)
            let shape = try #require(row["shape"] as? [Int])
            let bound = Float(try #require(row["bound"] as? Double))
            weights["\(name).weight"] = Self.hashed(shape, salt: UInt32(2 * i + 1), bound: bound)
            weights["\(name).bias"] = Self.hashed([shape[0]], salt: UInt32(2 * i + 2), bound: 0.1)
            weights["lin\(i).model.1.weight"] = try file.required("lin\(i)")
        }
        let path = "\(folder.path)/alex.safetensors"
        try Data(SafeTensors.encoded(weights)).write(to: URL(filePath: path))
        let lpips = try LPIPS(path: path)
        let (a, b) = (try file.image("lpips.a"), try file.image("lpips.b"))
        let expected = try #require(json["lpips"] as? Double)
        #expect(abs(lpips.distance(a, b) - expected) < 1e-4 * expected)
        #expect(lpips.distance(a, a) == 0)
        let fidelity = try #require(json["fidelity"] as? Double)
        #expect(abs(lpips.fidelity(a, b) - fidelity) < 1e-4)
        let copy = try LPIPS.importing(path, into: "\(folder.path)/models")
        #expect(copy == LPIPS.file(in: "\(folder.path)/models"))
        #expect(try LPIPS(path: copy).distance(a, b) == lpips.distance(a, b))
    }

    @Test func `a file that is not LPIPS's weights is refused`() throws {
        let folder = try Scratch()
        let path = "\(folder.path)/other.safetensors"
        try Data(SafeTensors.encoded(["x": Tensor.zeros([1])])).write(to: URL(filePath: path))
        #expect(throws: (any Error).self) { try LPIPS.importing(path, into: "\(folder.path)/models") }
        #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/models"))
    }
}

/// A folder of a test's own, removed with it.
final class Scratch {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(
            path: "clipdragd-evaluation-\(UUID().uuidString)"
        )
        .path(percentEncoded: false)
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    @Test func `a plot marks few values themselves, many by five, and a level by a broken line`() throws {
        func marks(_ xs: [Double], level: Double?) throws -> (ticks: Int, levels: Int) {
            let lines = [
                LinePlot.Line(name: "a", points: xs.map { ($0, $0) }),
                LinePlot.Line(name: "b", points: [], level: level),
            ]
            let svg = try #require(
                LinePlot(title: "", xLabel: "", yLabel: "", lines: lines).svg)
            return (
                svg.components(separatedBy: "text-anchor=\"middle\"").count - 1,
                svg.components(separatedBy: "stroke-dasharray").count - 1
            )
        }
        #expect(try marks([10, 20, 40, 80, 160], level: 400) == (5, 1))
        #expect(try marks((0..<9).map { 0.37 * Double($0) }, level: nil) == (5, 0))
    }
}
