import TensorCore
import Verdicts

/// Measures damage of a result against its source, on both pictures' pixels alone.
struct DamageMeasure {
    /// Longer side of the pictures that are compared, pixels.
    private static let side = 128
    /// Root mean square differences of patches that count as the same content, and as other content.
    private static let (same, other) = (0.06, 0.14)
    /// A pixel counts as changed above this mean absolute difference over its neighbourhood.
    private static let leastChange: Float = 0.03

    private let source, result: Tensor
    private let region: EditMask
    private let reach: Int

    /// - Parameters:
    ///   - source: `(1, h, w, 3)` in [0, 1].
    ///   - result: of the same shape.
    ///   - region: where the result may differ, of the same size.
    ///   - reach: how far content may have moved, as a part of the longer side.
    init(source: Tensor, result: Tensor, region: EditMask, reach: Double) {
        let longer = max(source.shape[1], source.shape[2])
        let scale = min(1, Double(Self.side) / Double(longer))
        let size = Size(
            height: max(8, Int((scale * Double(source.shape[1])).rounded())),
            width: max(8, Int((scale * Double(source.shape[2])).rounded())))
        self.source = source.resizedAntialiased(height: size.height, width: size.width)
        self.result = result.resizedAntialiased(height: size.height, width: size.width)
        self.region = region.resized(to: size)
        self.reach = max(4, Int((reach * Double(size.longerSide)).rounded()))
    }

    /// How far a record's drags may have moved content, as a part of the longer side.
    static func reach(_ record: EditRecord) -> Double {
        let cells = record.handles.map { $0.start.distance(to: $0.target) }.max() ?? 0
        return 1.25 * cells / Double(record.grid.size.longerSide) + 0.03
    }

    var damage: Verdict.Damage {
        let difference = self.difference
        let changed = difference.indices.filter { region.values[$0] && difference[$0] > Self.leastChange }
        let outside = region.values.indices.filter { !region.values[$0] }
        return Verdict.Damage(
            lost: unmatched(source, in: result, at: changed), new: unmatched(result, in: source, at: changed),
            outside: outside.isEmpty
                ? 0 : outside.reduce(0.0) { $0 + Double(difference[$1]) } / Double(outside.count),
            colour: colourDistance(changed), sharpness: sharpness(changed))
    }

    /// The mean absolute difference of both pictures over three by three pixels.
    private var difference: [Float] {
        let (height, width) = (region.size.height, region.size.width)
        let (a, b) = (source.values, result.values)
        let each = (0..<height * width).map { i in
            (0..<3).reduce(Float(0)) { $0 + abs(a[3 * i + $1] - b[3 * i + $1]) } / 3
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

    /// The part of a picture's patches at some places that is found nowhere near in the other picture.
    private func unmatched(_ picture: Tensor, in other: Tensor, at places: [Int]) -> Double {
        guard !places.isEmpty else { return 0 }
        let matches = picture.patchMatches(in: other, centres: places, reach: reach)
        let parts = matches.costs.map { cost in
            let distance = Double(cost).squareRoot()
            return min(max((distance - Self.same) / (Self.other - Self.same), 0), 1)
        }
        return parts.reduce(0, +) / Double(places.count)
    }

    private func colourDistance(_ places: [Int]) -> Double {
        guard !places.isEmpty else { return 0 }
        let (a, b) = (source.values, result.values)
        let squares = (0..<3).map { c -> Double in
            let sum = places.reduce(0.0) { $0 + Double(b[3 * $1 + c] - a[3 * $1 + c]) }
            return (sum / Double(places.count)) * (sum / Double(places.count))
        }
        return (squares.reduce(0, +) / 3).squareRoot()
    }

    /// The result's energy of Laplacians at some places, as a part of the source's.
    private func sharpness(_ places: [Int]) -> Double {
        let (height, width) = (region.size.height, region.size.width)
        func energy(_ picture: Tensor) -> Double {
            let values = picture.values
            func grey(_ row: Int, _ column: Int) -> Double {
                let i = 3 * (min(max(row, 0), height - 1) * width + min(max(column, 0), width - 1))
                return Double(values[i] + values[i + 1] + values[i + 2]) / 3
            }
            return places.reduce(0.0) { sum, i in
                let (row, column) = (i / width, i % width)
                let laplacian =
                    grey(row - 1, column) + grey(row + 1, column) + grey(row, column - 1)
                    + grey(row, column + 1)
                    - 4 * grey(row, column)
                return sum + laplacian * laplacian
            }
        }
        return places.isEmpty ? 1 : energy(result) / max(energy(source), 1e-6)
    }
}

extension Verdict.Damage {
    /// The answer. An edit prompt asks for new content and gives up some of the old.
    func answer(hasWish: Bool) -> EditVerdict.Damage {
        let content = hasWish ? 0 : max(lost, new)
        if content > 0.5 || outside > 0.03 || colour > 0.25 || sharpness < 0.15 { return .severe }
        if content > 0.2 || outside > 0.01 || colour > 0.12 || sharpness < 0.4 { return .slight }
        return .none
    }
}
