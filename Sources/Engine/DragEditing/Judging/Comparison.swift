import TensorCore

/// Source and result at one small size, where changes are measured on pixels alone: no network that guided or judged the edit
/// has a part in it.
struct Comparison {
    /// A pixel counts as changed above this mean absolute difference over its neighbourhood.
    private static let leastChange: Float = 0.03
    /// What a picture that only raises CLIP's score stays below (VerdictTests), and a face that smiles goes beyond.
    private static let leastClearChange: Float = 0.1
    /// The part of a picture that an eye notices.
    private static let leastPart = 0.002

    /// `(1, h, w, 3)` in [0, 1].
    let source, result: Tensor
    /// Where the result may differ.
    let region: EditMask
    /// The mean absolute difference of both pictures over three by three pixels, row by row.
    let difference: [Float]
    /// Pixels that changed, row · width + column.
    let changed: [Int]

    /// - Parameters:
    ///   - source: of any size.
    ///   - result: of the same shape.
    ///   - region: of the same size.
    init(source: Tensor, result: Tensor, region: EditMask) {
        let size = Size(height: source.shape[1], width: source.shape[2]).small
        let (small, edited) = (
            source.resizedAntialiased(height: size.height, width: size.width),
            result.resizedAntialiased(height: size.height, width: size.width)
        )
        let (difference, part) = (Self.difference(small, edited), region.resized(to: size))
        (self.source, self.result, self.region, self.difference) = (small, edited, part, difference)
        changed = difference.indices.filter { difference[$0] > Self.leastChange }
    }

    var size: Size { region.size }

    /// Whether the pictures differ to the eye.
    var isChanged: Bool { isPartAbove(Self.leastChange) }
    /// Whether the pictures differ by more than a shade.
    var isClearlyChanged: Bool { isPartAbove(Self.leastClearChange) }

    private func isPartAbove(_ least: Float) -> Bool {
        Double(difference.count { $0 > least }) > Self.leastPart * Double(difference.count)
    }

    private static func difference(_ a: Tensor, _ b: Tensor) -> [Float] {
        let (height, width) = (a.shape[1], a.shape[2])
        let (first, second) = (a.values, b.values)
        let each = (0..<height * width).map { i -> Float in
            var sum: Float = 0
            for c in 3 * i..<3 * i + 3 { sum += abs(first[c] - second[c]) }
            return sum / 3
        }
        return each.indices.map { i in
            let (row, column) = (i / width, i % width)
            var (sum, count): (Float, Float) = (0, 0)
            for y in max(0, row - 1)...min(height - 1, row + 1) {
                for x in max(0, column - 1)...min(width - 1, column + 1) {
                    sum += each[y * width + x]
                    count += 1
                }
            }
            return sum / count
        }
    }
}
