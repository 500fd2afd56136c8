import TensorCore

/// The part of the latent where a text works: the cells where its gradient (`clip_area`) or its change of the noise
/// (`text_area`) is strongest.
///
/// A cell's strength is Σ x² over its channels and everything seen so far, the mean over its 3×3 neighbours, with 0 beyond
/// the rim. The ⌈part · cells⌉ strongest are chosen; of equal ones the first in row-major order.
struct StrongestCells {
    private let part: Double
    private var strength: [Double] = []
    /// The cells chosen last, row-major; nil: all.
    private(set) var cells: [Int]?

    /// - Parameter part: of all cells, 0…1; 1: all of them, always.
    init(_ part: Double) { self.part = part }

    /// The tensor `(1, h, w, channels)` with 0 in the weaker cells. It counts for the cells' strength first.
    mutating func limited(_ tensor: Tensor) -> Tensor {
        guard let isChosen = chosen(afterSeeing: tensor) else { return tensor }
        return Self.blended(tensor, .zeros(tensor.shape), isChosen)
    }

    /// `inside` in the strongest cells and `outside` in the others, both `(1, h, w, channels)`.
    ///
    /// - Parameter tensor: counts for the cells' strength first.
    mutating func blended(_ inside: Tensor, _ outside: Tensor, afterSeeing tensor: Tensor) -> Tensor {
        guard let isChosen = chosen(afterSeeing: tensor) else { return inside }
        return Self.blended(inside, outside, isChosen)
    }

    private static func blended(_ inside: Tensor, _ outside: Tensor, _ isChosen: [Bool]) -> Tensor {
        let (a, b, channels) = (inside.values, outside.values, inside.shape[3])
        return Tensor(inside.shape, a.indices.map { isChosen[$0 / channels] ? a[$0] : b[$0] })
    }

    /// Which cells are among the strongest; nil: all.
    private mutating func chosen(afterSeeing tensor: Tensor) -> [Bool]? {
        guard part < 1 else { return nil }
        let (height, width, channels) = (tensor.shape[1], tensor.shape[2], tensor.shape[3])
        let values = tensor.values
        if strength.isEmpty { strength = Array(repeating: 0, count: height * width) }
        for i in values.indices { strength[i / channels] += Double(values[i]) * Double(values[i]) }
        let smooth = smoothed(height, width)
        let count = Int((part * Double(smooth.count)).rounded(.up))
        let strongest = smooth.indices.sorted {
            smooth[$0] > smooth[$1] || (smooth[$0] == smooth[$1] && $0 < $1)
        }
        var isChosen = Array(repeating: false, count: smooth.count)
        for cell in strongest.prefix(count) { isChosen[cell] = true }
        cells = strongest.prefix(count).sorted()
        return isChosen
    }

    private func smoothed(_ height: Int, _ width: Int) -> [Double] {
        (0..<height * width).map { cell in
            let (row, column) = (cell / width, cell % width)
            var sum = 0.0
            for y in max(0, row - 1)...min(height - 1, row + 1) {
                for x in max(0, column - 1)...min(width - 1, column + 1) { sum += strength[y * width + x] }
            }
            return sum / 9
        }
    }
}
