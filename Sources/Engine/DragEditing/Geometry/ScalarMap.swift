import Foundation
import TensorCore

/// One value at each pixel, row by row. Beyond the rim lie the rim's values.
struct ScalarMap {
    let height, width: Int
    let values: [Float]

    init(_ height: Int, _ width: Int, _ values: [Float]) {
        (self.height, self.width, self.values) = (height, width, values)
    }

    private func at(_ row: Int, _ column: Int) -> Float {
        values[min(max(row, 0), height - 1) * width + min(max(column, 0), width - 1)]
    }

    private func mapped(_ value: (_ row: Int, _ column: Int) -> Float) -> ScalarMap {
        ScalarMap(height, width, (0..<height * width).map { value($0 / width, $0 % width) })
    }

    /// Blurred by a Gaussian, `deviation` in pixels.
    func blurred(_ deviation: Float) -> ScalarMap {
        let reach = Int((4 * deviation).rounded())
        let raw = (-reach...reach).map { exp(-Float($0 * $0) / (2 * deviation * deviation)) }
        let sum = raw.reduce(0, +)
        let weights = Array(zip(-reach...reach, raw.map { $0 / sum }))
        let across = mapped { row, column in weights.reduce(0) { $0 + $1.1 * at(row, column + $1.0) } }
        return across.mapped { row, column in
            weights.reduce(0) { $0 + $1.1 * across.at(row + $1.0, column) }
        }
    }

    /// Lengths of the gradient by Sobel's weights, per pixel.
    var slopes: ScalarMap {
        mapped { row, column in
            func line(_ place: (Int) -> Float) -> Float { (place(-1) + 2 * place(0) + place(1)) / 8 }
            let down = line { at(row + 1, column + $0) } - line { at(row - 1, column + $0) }
            let across = line { at(row + $0, column + 1) } - line { at(row + $0, column - 1) }
            return (down * down + across * across).squareRoot()
        }
    }

    /// At each pixel the largest value no farther than `reach` rows and columns away.
    func spreading(by reach: Int) -> ScalarMap {
        let across = mapped { row, column in (-reach...reach).reduce(0) { max($0, at(row, column + $1)) } }
        return across.mapped { row, column in
            (-reach...reach).reduce(0) { max($0, across.at(row + $1, column)) }
        }
    }

    /// Pearson's correlation; 1 where both are flat.
    func correlation(with other: ScalarMap) -> Double {
        let count = Double(max(values.count, 1))
        let (a, b) = (values.map(Double.init), other.values.map(Double.init))
        let (meanA, meanB) = (a.reduce(0, +) / count, b.reduce(0, +) / count)
        var (product, squareA, squareB) = (0.0, 0.0, 0.0)
        for (x, y) in zip(a, b) {
            product += (x - meanA) * (y - meanB)
            squareA += (x - meanA) * (x - meanA)
            squareB += (y - meanB) * (y - meanB)
        }
        let scale = (squareA * squareB).squareRoot()
        return scale > 1e-12 ? product / scale : squareA == squareB ? 1 : 0
    }

    /// Lengths of the gradient in the colour channel where it is longest, per pixel.
    ///
    /// - Parameters:
    ///   - picture: `(1, h, w, 3)`.
    ///   - deviation: of a Gaussian by which the channels are blurred before; 0: none.
    static func slopes(of picture: Tensor, blurredBy deviation: Float) -> ScalarMap {
        let (height, width) = (picture.shape[1], picture.shape[2])
        let values = picture.values
        let channels = (0..<3).map { c in
            let channel = ScalarMap(height, width, (0..<height * width).map { values[3 * $0 + c] })
            return (deviation > 0 ? channel.blurred(deviation) : channel).slopes
        }
        return ScalarMap(
            height, width, (0..<height * width).map { i in channels.reduce(0) { max($0, $1.values[i]) } })
    }
}
