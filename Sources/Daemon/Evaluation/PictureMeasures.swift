import Foundation

/// Samples of a picture in [0, 1], R, G, B interleaved, row by row from the top.
struct Pixels {
    let width, height: Int
    let values: [Float]
}

/// How much two pictures of one size are alike in a part of them.
enum PictureMeasures {
    /// Peak signal-to-noise ratio in dB over the pixels of a part; 99 at most, nil where the part is empty.
    static func psnr(_ a: Pixels, _ b: Pixels, where part: [Bool]) -> Double? {
        var (sum, count) = (0.0, 0)
        for i in part.indices where part[i] {
            for c in 3 * i..<3 * i + 3 {
                let difference = Double(a.values[c]) - Double(b.values[c])
                sum += difference * difference
            }
            count += 3
        }
        guard count > 0 else { return nil }
        let mean = sum / Double(count)
        return mean > 0 ? min(99, -10 * log10(mean)) : 99
    }

    /// Structural similarity over the pixels of a part: the mean of the map that Wang et al. 2004 describe (windows of σ = 1.5,
    /// 11×11, mirrored at the border; K₁ = 0.01, K₂ = 0.03; each channel by itself), as scikit-image computes it.
    static func ssim(_ a: Pixels, _ b: Pixels, where part: [Bool]) -> Double? {
        let count = part.count { $0 }
        guard count > 0 else { return nil }
        var sum = 0.0
        for channel in 0..<3 {
            let x = plane(a, channel)
            let y = plane(b, channel)
            let (mx, my) = (blurred(x, a), blurred(y, a))
            let xx = blurred(zip(x, x).map { $0 * $1 }, a)
            let yy = blurred(zip(y, y).map { $0 * $1 }, a)
            let xy = blurred(zip(x, y).map { $0 * $1 }, a)
            let (c1, c2) = (0.01 * 0.01, 0.03 * 0.03)
            for i in part.indices where part[i] {
                let (varX, varY, both) = (xx[i] - mx[i] * mx[i], yy[i] - my[i] * my[i], xy[i] - mx[i] * my[i])
                sum +=
                    (2 * mx[i] * my[i] + c1) * (2 * both + c2)
                    / ((mx[i] * mx[i] + my[i] * my[i] + c1) * (varX + varY + c2))
            }
        }
        return sum / Double(3 * count)
    }

    /// Pixels within `reach` (a square) of one whose two values differ by more than `least` in a channel.
    static func changed(_ a: Pixels, _ b: Pixels, least: Float = 8.0 / 255, reach: Int = 6) -> [Bool] {
        let (w, h) = (a.width, a.height)
        let differs = (0..<w * h).map { i in
            (3 * i..<3 * i + 3).contains { abs(a.values[$0] - b.values[$0]) > least }
        }
        var rows = [Bool](repeating: false, count: w * h)
        for i in differs.indices where differs[i] {
            let column = i % w
            for x in max(0, column - reach)...min(w - 1, column + reach) { rows[i - column + x] = true }
        }
        var out = [Bool](repeating: false, count: w * h)
        for i in rows.indices where rows[i] {
            let row = i / w
            for y in max(0, row - reach)...min(h - 1, row + reach) { out[y * w + i % w] = true }
        }
        return out
    }

    private static func plane(_ pixels: Pixels, _ channel: Int) -> [Double] {
        (0..<pixels.width * pixels.height).map { Double(pixels.values[3 * $0 + channel]) }
    }

    private static let kernel: [Double] = {
        let weights = (-5...5).map { exp(-Double($0 * $0) / (2 * 1.5 * 1.5)) }
        let total = weights.reduce(0, +)
        return weights.map { $0 / total }
    }()

    /// A plane under the Gaussian window.
    private static func blurred(_ plane: [Double], _ size: Pixels) -> [Double] {
        let (w, h) = (size.width, size.height)
        func mirrored(_ i: Int, _ end: Int) -> Int {
            let turn = ((i % (2 * end)) + 2 * end) % (2 * end)
            return turn < end ? turn : 2 * end - 1 - turn
        }
        var across = [Double](repeating: 0, count: w * h)
        for y in 0..<h {
            for x in 0..<w {
                for (k, weight) in kernel.enumerated() {
                    across[y * w + x] += weight * plane[y * w + mirrored(x + k - 5, w)]
                }
            }
        }
        var out = [Double](repeating: 0, count: w * h)
        for y in 0..<h {
            for (k, weight) in kernel.enumerated() {
                let from = mirrored(y + k - 5, h) * w
                for x in 0..<w { out[y * w + x] += weight * across[from + x] }
            }
        }
        return out
    }
}
