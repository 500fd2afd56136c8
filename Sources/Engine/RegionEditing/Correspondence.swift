import DragEditing

/// The origin of each pixel of an edited picture in the unedited reconstruction.
///
/// A nearest-neighbour field over small patches, found by propagation and random search (Barnes et al., PatchMatch, 2009).
/// Both pictures come from the same decoder, so the search finds moved content. Where nothing matches, the picture shows new content.
struct Correspondence: Sendable {
    /// The shift from a pixel to the origin of its content, pixels of the working size.
    var shifts: [SIMD2<Float>]
    /// The confidence of the match, 0 (new content) … 1.
    var confidence: [Float]
    /// The mean absolute difference of edit and reconstruction around a pixel, 0…1.
    let change: [Float]
    let size: Size

    /// Pixels to either side of a patch's middle.
    private static let patchRadius = 2
    /// Root mean square differences up to which patches count as the same, and from which they count as different.
    private static let same: Float = 0.03
    private static let different: Float = 0.10
    /// The cost of a shift of one pixel, as a squared difference. It keeps equal colours in their place.
    private static let costPerPixel: Float = 2e-6
    /// Below this change a pixel counts as unedited.
    private static let leastChange: Float = 0.01

    /// - Parameters:
    ///   - edit: the edited picture at working size, `(h, w, 3)`.
    ///   - reconstruction: the unedited one of the same size.
    ///   - reach: the longest shift, pixels of the working size; 0: content stays in its place.
    ///   - hints: likely shifts, as (x, y): the ways back along the drags.
    init(edit: Plane, reconstruction: Plane, reach: Int, hints: [SIMD2<Float>]) {
        size = edit.size
        change = Self.change(edit, reconstruction)
        let search = Search(edit: edit, reconstruction: reconstruction, reach: reach, change: change)
        let (field, costs) = search.run(hints: hints)
        confidence = costs.map { 1 - smoothStep($0.squareRoot(), from: Self.same, to: Self.different) }
        shifts = Self.smoothed(field, size)
    }

    /// The mean absolute difference over three by three pixels.
    private static func change(_ a: Plane, _ b: Plane) -> [Float] {
        let (height, width) = (a.size.height, a.size.width)
        let difference = (0..<height * width).map { i -> Float in
            (0..<3).reduce(Float(0)) { $0 + abs(a.values[3 * i + $1] - b.values[3 * i + $1]) } / 3
        }
        return (0..<height * width).map { i in
            let (row, column) = (i / width, i % width)
            var (sum, count): (Float, Float) = (0, 0)
            for y in max(0, row - 1)...min(height - 1, row + 1) {
                for x in max(0, column - 1)...min(width - 1, column + 1) {
                    sum += difference[y * width + x]
                    count += 1
                }
            }
            return sum / count
        }
    }

    /// Shifts averaged over neighbours that agree. The averages have fractions of a pixel; jumps between objects stay.
    private static func smoothed(_ field: [SIMD2<Int32>], _ size: Size) -> [SIMD2<Float>] {
        (0..<field.count).map { i in
            guard field[i] != .zero else { return .zero }
            let (row, column) = (i / size.width, i % size.width)
            var (sum, count): (SIMD2<Float>, Float) = (.zero, 0)
            for y in max(0, row - 2)...min(size.height - 1, row + 2) {
                for x in max(0, column - 2)...min(size.width - 1, column + 2) {
                    let other = field[y * size.width + x]
                    let apart = other &- field[i]
                    guard abs(apart.x) <= 2, abs(apart.y) <= 2 else { continue }
                    sum += SIMD2<Float>(other)
                    count += 1
                }
            }
            return sum / count
        }
    }

    /// The search for the best patch of every changed pixel.
    private struct Search {
        let edit, reconstruction: Plane
        let reach: Int
        let change: [Float]
        var height: Int { edit.size.height }
        var width: Int { edit.size.width }

        func run(hints: [SIMD2<Float>]) -> (field: [SIMD2<Int32>], costs: [Float]) {
            var field = [SIMD2<Int32>](repeating: .zero, count: height * width)
            var costs = [Float](repeating: 0, count: height * width)
            let changed = field.indices.filter { change[$0] >= Correspondence.leastChange }
            for i in changed { costs[i] = cost(i, .zero) }
            guard reach > 0 else { return (field, costs) }
            let likely = hints.map { SIMD2<Int32>($0, rounding: .toNearestOrEven) }
            for i in changed { for hint in likely { improve(i, hint, &field, &costs) } }
            var random = SeededGenerator(seed: 7)
            for pass in 0..<4 {
                let isForward = pass % 2 == 0
                let step = isForward ? -1 : 1
                for i in isForward ? changed : changed.reversed() {
                    let (row, column) = (i / width, i % width)
                    if (0..<width).contains(column + step) {
                        improve(i, field[i + step], &field, &costs)
                    }
                    if (0..<height).contains(row + step) {
                        improve(i, field[i + step * width], &field, &costs)
                    }
                    var radius = reach
                    while radius > 0 {
                        let around = Int32(-radius)...Int32(radius)
                        let jump = SIMD2(
                            Int32.random(in: around, using: &random), Int32.random(in: around, using: &random)
                        )
                        improve(i, field[i] &+ jump, &field, &costs)
                        radius /= 2
                    }
                }
            }
            return (field, costs)
        }

        private func improve(
            _ i: Int, _ shift: SIMD2<Int32>, _ field: inout [SIMD2<Int32>], _ costs: inout [Float]
        ) {
            guard shift != field[i], abs(shift.x) <= reach, abs(shift.y) <= reach else { return }
            let (row, column) = (i / width + Int(shift.y), i % width + Int(shift.x))
            guard (0..<height).contains(row), (0..<width).contains(column) else { return }
            let new = cost(i, shift)
            if new < costs[i] { (field[i], costs[i]) = (shift, new) }
        }

        /// Mean squared difference of the edit's patch and the reconstruction's at the shifted place, plus the cost of the shift.
        private func cost(_ i: Int, _ shift: SIMD2<Int32>) -> Float {
            let (row, column, r) = (i / width, i % width, Correspondence.patchRadius)
            var (sum, count): (Float, Float) = (0, 0)
            edit.values.withUnsafeBufferPointer { edit in
                reconstruction.values.withUnsafeBufferPointer { plain in
                    for y in max(0, row - r)...min(height - 1, row + r) {
                        let from = min(max(y + Int(shift.y), 0), height - 1) * width
                        for x in max(0, column - r)...min(width - 1, column + r) {
                            let a = 3 * (y * width + x)
                            let b = 3 * (from + min(max(x + Int(shift.x), 0), width - 1))
                            for c in 0..<3 {
                                let d = edit[a + c] - plain[b + c]
                                sum += d * d
                            }
                            count += 3
                        }
                    }
                }
            }
            let way = (SIMD2<Float>(shift) * SIMD2<Float>(shift)).sum().squareRoot()
            return sum / count + Correspondence.costPerPixel * way
        }
    }
}
