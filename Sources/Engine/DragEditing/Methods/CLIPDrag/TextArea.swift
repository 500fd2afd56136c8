import TensorCore

/// Limits G_g to the part of the latent where it is strongest (`clip_area`). Adam moves every value by about the same way,
/// however small its gradient: without a limit the whole picture pays for a change of one place.
///
/// A cell's strength is Σ g² over its channels and all iterations so far, the mean over its 3×3 neighbours, with 0 beyond
/// the rim. The ⌈area · cells⌉ strongest keep their gradient; of equal ones the first in row-major order.
struct TextArea {
    private let area: Double
    private var strength: [Double] = []

    init(_ area: Double) { self.area = area }

    /// G_g `(1, h, w, channels)` with 0 in the weaker cells.
    mutating func limited(_ gradient: Tensor) -> Tensor {
        guard area < 1 else { return gradient }
        let (height, width, channels) = (gradient.shape[1], gradient.shape[2], gradient.shape[3])
        let values = gradient.values
        if strength.isEmpty { strength = Array(repeating: 0, count: height * width) }
        for i in values.indices { strength[i / channels] += Double(values[i]) * Double(values[i]) }
        let smooth = smoothed(height, width)
        let count = Int((area * Double(smooth.count)).rounded(.up))
        let strongest = smooth.indices.sorted {
            smooth[$0] > smooth[$1] || (smooth[$0] == smooth[$1] && $0 < $1)
        }
        var isKept = Array(repeating: false, count: smooth.count)
        for cell in strongest.prefix(count) { isKept[cell] = true }
        return Tensor(gradient.shape, values.indices.map { isKept[$0 / channels] ? values[$0] : 0 })
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
