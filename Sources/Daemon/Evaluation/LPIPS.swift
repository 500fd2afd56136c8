import DurableFiles
import Failures
import Foundation
import JobFiles
import TensorCore

/// LPIPS with AlexNet, version 0.1 (Zhang et al., CVPR 2018): how different two pictures look.
///
///     d = Σ_l mean over places of Σ_c w_lc · (x̂_lc − ŷ_lc)²      x̂: features after layer l's ReLU, unit length over channels
///
/// The weights are the user's: a safetensors file with the names of `lpips.LPIPS(net="alex").state_dict()`
/// (scripts/lpips_weights.py writes one).
public struct LPIPS: Sendable {
    /// A convolution of AlexNet, before its ReLU.
    private struct Layer {
        let name: String
        let inputs, outputs, side, stride, padding: Int
        /// Whether the features before it are pooled: maxima of 3×3, stride 2.
        let pools: Bool
    }

    private static let layers = [
        Layer(name: "net.slice1.0", inputs: 3, outputs: 64, side: 11, stride: 4, padding: 2, pools: false),
        Layer(name: "net.slice2.3", inputs: 64, outputs: 192, side: 5, stride: 1, padding: 2, pools: true),
        Layer(name: "net.slice3.6", inputs: 192, outputs: 384, side: 3, stride: 1, padding: 1, pools: true),
        Layer(name: "net.slice4.8", inputs: 384, outputs: 256, side: 3, stride: 1, padding: 1, pools: false),
        Layer(name: "net.slice5.10", inputs: 256, outputs: 256, side: 3, stride: 1, padding: 1, pools: false),
    ]
    /// The scaling layer: (x − shift) / scale of x in [−1, 1].
    private static let shift: [Float] = [-0.030, -0.088, -0.188]
    private static let scale: [Float] = [0.458, 0.448, 0.450]

    private let convolutions: [Linear]
    private let heads: [[Float]]

    /// Its file in a folder of models.
    public static func file(in models: String) -> String { "\(models)/lpips/alex.safetensors" }

    /// Reads weights.
    ///
    /// - Throws: `model.file`, `model.key_missing`, `model.shape` or `model.values`.
    public init(path: String) throws(Failure) {
        let file: SafeTensors
        do { file = try SafeTensors(path: path) } catch {
            throw Failure(
                .badModel, code: "model.file", message: "\(path): \(error.message)", file: path,
                hint: "Make the file with scripts/lpips_weights.py.")
        }
        func tensor(_ key: String, _ shape: [Int]) throws(Failure) -> Tensor {
            guard let tensor = file.tensor(key) else {
                throw Failure(
                    .badModel, code: "model.key_missing", message: "\(path) has no `\(key)`", file: path,
                    hint: "Make the file with scripts/lpips_weights.py.")
            }
            guard tensor.shape == shape else {
                throw Failure(
                    .badModel, code: "model.shape",
                    message: "\(path): `\(key)` is \(tensor.shape), not \(shape)",
                    file: path, hint: "LPIPS with AlexNet is needed, version 0.1.")
            }
            guard tensor.isFinite else {
                throw Failure(
                    .badModel, code: "model.values",
                    message: "\(path): `\(key)` holds a value that is no number",
                    file: path, hint: "Copy the file again.")
            }
            return tensor
        }
        var convolutions: [Linear] = []
        var heads: [[Float]] = []
        for (i, layer) in Self.layers.enumerated() {
            let weight = try tensor(
                "\(layer.name).weight", [layer.outputs, layer.inputs, layer.side, layer.side])
            convolutions.append(
                Linear(
                    weight: Self.byPlaces(weight), bias: try tensor("\(layer.name).bias", [layer.outputs])))
            heads.append(try tensor("lin\(i).model.1.weight", [1, layer.outputs, 1, 1]).values)
        }
        self.convolutions = convolutions
        self.heads = heads
    }

    /// Checks a file of weights and copies it into a folder of models.
    ///
    /// - Returns: the copy's path.
    public static func importing(_ path: String, into models: String) throws(Failure) -> String {
        _ = try LPIPS(path: path)
        let files = PosixFileSystem()
        let file = file(in: models)
        do {
            let bytes = try files.read(path)
            for folder in [models, parent(file)] {
                if try files.status(folder) == nil { try files.createDirectory(folder) }
            }
            try files.replace(file, bytes, mode: 0o644)
        } catch { throw Failure(error, .badOutput) }
        return file
    }

    /// The distance of two pictures, `(1, h, w, 3)` in [0, 1], of one size; at least 31 pixels a side.
    public func distance(_ a: Tensor, _ b: Tensor) -> Double {
        zip(zip(features(a), features(b)), heads).reduce(0) { sum, layer in
            sum + Self.difference(layer.0.0, layer.0.1, layer.1)
        }
    }

    /// IF: 1 − LPIPS of both pictures at 224² (bilinear).
    public func fidelity(_ a: Tensor, _ b: Tensor) -> Double {
        let resize = Resize(height: 224, width: 224, .bilinear)
        return 1 - distance(apply(resize, Variable(a)).value, apply(resize, Variable(b)).value)
    }

    /// Features after every ReLU.
    private func features(_ picture: Tensor) -> [Tensor] {
        var x = Tensor(picture.shape) { out in
            picture.withUnsafeValues { values in
                for i in out.indices { out[i] = (2 * values[i] - 1 - Self.shift[i % 3]) / Self.scale[i % 3] }
            }
        }
        return zip(Self.layers, convolutions).map { layer, convolution in
            if layer.pools { x = Self.pooled(x) }
            let (patches, height, width) = Self.patches(x, layer)
            x = convolution.forward([patches]).output.mapped { max($0, 0) }
                .reshaped([1, height, width, layer.outputs])
            return x
        }
    }

    /// `(out, in, side, side)` as `(out, side · side · in)`.
    private static func byPlaces(_ weight: Tensor) -> Tensor {
        let (outputs, inputs, places) = (weight.shape[0], weight.shape[1], weight.shape[2] * weight.shape[3])
        return Tensor([outputs, places * inputs]) { to in
            weight.withUnsafeValues { from in
                for o in 0..<outputs {
                    for c in 0..<inputs {
                        for p in 0..<places {
                            to[(o * places + p) * inputs + c] = from[(o * inputs + c) * places + p]
                        }
                    }
                }
            }
        }
    }

    /// The windows of a convolution as rows, `(places, side · side · channels)`; zeros beyond the border.
    private static func patches(_ x: Tensor, _ layer: Layer) -> (Tensor, height: Int, width: Int) {
        let (h, w, channels) = (x.shape[1], x.shape[2], x.shape[3])
        let height = (h + 2 * layer.padding - layer.side) / layer.stride + 1
        let width = (w + 2 * layer.padding - layer.side) / layer.stride + 1
        let patches = Tensor([height * width, layer.side * layer.side * channels]) { out in
            x.withUnsafeValues { from in
                var at = 0
                for row in 0..<height {
                    for column in 0..<width {
                        for i in 0..<layer.side {
                            for j in 0..<layer.side {
                                let (y, x) = (
                                    row * layer.stride + i - layer.padding,
                                    column * layer.stride + j - layer.padding
                                )
                                let isInside = y >= 0 && y < h && x >= 0 && x < w
                                for c in 0..<channels {
                                    out[at + c] = isInside ? from[(y * w + x) * channels + c] : 0
                                }
                                at += channels
                            }
                        }
                    }
                }
            }
        }
        return (patches, height, width)
    }

    /// Maxima of 3×3, stride 2.
    private static func pooled(_ x: Tensor) -> Tensor {
        let (h, w, channels) = (x.shape[1], x.shape[2], x.shape[3])
        let (height, width) = ((h - 3) / 2 + 1, (w - 3) / 2 + 1)
        return Tensor([1, height, width, channels]) { out in
            x.withUnsafeValues { from in
                for row in 0..<height {
                    for column in 0..<width {
                        for c in 0..<channels {
                            var most = -Float.infinity
                            for y in 2 * row..<2 * row + 3 {
                                for x in 2 * column..<2 * column + 3 {
                                    most = max(most, from[(y * w + x) * channels + c])
                                }
                            }
                            out[(row * width + column) * channels + c] = most
                        }
                    }
                }
            }
        }
    }

    /// The weighted squared difference of unit features, averaged over places.
    private static func difference(_ a: Tensor, _ b: Tensor, _ weights: [Float]) -> Double {
        let (channels, places) = (weights.count, a.count / weights.count)
        return a.withUnsafeValues { a in
            b.withUnsafeValues { b in
                var sum = 0.0
                for place in 0..<places {
                    var (aa, bb): (Float, Float) = (0, 0)
                    for i in place * channels..<(place + 1) * channels {
                        aa += a[i] * a[i]
                        bb += b[i] * b[i]
                    }
                    let (na, nb) = (aa.squareRoot() + 1e-10, bb.squareRoot() + 1e-10)
                    for c in 0..<channels {
                        let i = place * channels + c
                        let difference = a[i] / na - b[i] / nb
                        sum += Double(weights[c] * difference * difference)
                    }
                }
                return sum / Double(places)
            }
        }
    }
}
