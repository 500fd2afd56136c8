import Foundation
import Settings
import TensorCore

/// Motion supervision (eq. 5): what lies one step ahead of each handle shall look like what was at its start.
///
///     L = Σ_i (2·r1+1)² · mean over patch and channels of |F(q + d_i) − F0(q⁰)|
///
/// `q` runs over the patch around the handle, `q⁰` over the same offsets around the handle's start; `d_i` points to the
/// target. Source: docs/algorithm.md section 3, step 4; oracle `motion_loss`.
struct MotionSupervision: Sendable {
    let radius: Int
    let reach: Double
    let stepLength: EditSettings.StepLength

    /// Supervision over patches of `2·radius+1` cells, for handles at least `reach` cells from their targets.
    init(radius: Int, reach: Double, stepLength: EditSettings.StepLength) {
        self.radius = radius
        self.reach = reach
        self.stepLength = stepLength
    }

    /// The loss, and its gradient to the features (at the block's own resolution, `(1, h, w, channels)`).
    func loss(
        _ features: FeatureMap, initial: FeatureMap, handles: [HandlePoint]
    ) -> (value: Double, gradient: Tensor) {
        var gradient = [Float](repeating: 0, count: features.features.count)
        let total = handles.reduce(0.0) { sum, handle in
            guard handle.position.distance(to: handle.target) >= reach else { return sum }
            return sum + add(handle, features, initial, to: &gradient)
        }
        return (total, Tensor(features.features.shape, gradient))
    }

    /// d_i as (rows, columns), in cells.
    func step(_ handle: HandlePoint) -> (rows: Double, columns: Double) {
        let distance = handle.position.distance(to: handle.target)
        let length = stepLength == .unit ? 1 : min(4, distance)
        return (
            Double(handle.target.row - handle.position.row) / distance * length,
            Double(handle.target.column - handle.position.column) / distance * length
        )
    }

    private func add(
        _ handle: HandlePoint, _ features: FeatureMap, _ initial: FeatureMap, to gradient: inout [Float]
    ) -> Double {
        let d = step(handle)
        let rows = offsets(handle.position.row, handle.start.row, below: features.size.height)
        let columns = offsets(handle.position.column, handle.start.column, below: features.size.width)
        let count = rows.count * columns.count * features.channels
        let area = Double((2 * radius + 1) * (2 * radius + 1))
        let slope = Float(area / Double(count))
        var sum = 0.0
        for dr in rows {
            for dc in columns {
                let sample = ShiftedSample(
                    row: handle.position.row + dr, column: handle.position.column + dc, by: d,
                    grid: features.size)
                let moved = sample.value(features)
                let fixed = initial.feature(
                    at: GridCell(row: handle.start.row + dr, column: handle.start.column + dc))
                var sign = [Float](repeating: 0, count: moved.count)
                for i in moved.indices {
                    let difference = moved[i] - fixed[i]
                    sum += Double(abs(difference))
                    sign[i] = difference > 0 ? slope : difference < 0 ? -slope : 0
                }
                sample.addPullBack(sign, features, to: &gradient)
            }
        }
        return area * sum / Double(count)
    }

    /// Offsets for which both the patch around the handle and the one around its start are in the grid.
    private func offsets(_ position: Int, _ start: Int, below end: Int) -> ClosedRange<Int> {
        let low = max(-radius, -position, -start)
        return low...min(radius, end - 1 - position, end - 1 - start)
    }
}

/// A place between four cells; outside the grid the border's value is taken.
private struct ShiftedSample {
    let top, bottom, left, right: Int
    let rowFraction, columnFraction: Float

    init(row: Int, column: Int, by d: (rows: Double, columns: Double), grid: Size) {
        let (wholeRows, wholeColumns) = (d.rows.rounded(.down), d.columns.rounded(.down))
        func clamped(_ i: Int, _ n: Int) -> Int { min(max(i, 0), n - 1) }
        top = clamped(row + Int(wholeRows), grid.height)
        bottom = clamped(row + Int(wholeRows) + 1, grid.height)
        left = clamped(column + Int(wholeColumns), grid.width)
        right = clamped(column + Int(wholeColumns) + 1, grid.width)
        rowFraction = Float(d.rows - wholeRows)
        columnFraction = Float(d.columns - wholeColumns)
    }

    func value(_ map: FeatureMap) -> [Float] {
        let a = map.feature(at: GridCell(row: top, column: left))
        let b = map.feature(at: GridCell(row: top, column: right))
        let c = map.feature(at: GridCell(row: bottom, column: left))
        let d = map.feature(at: GridCell(row: bottom, column: right))
        return a.indices.map { i in
            let above = a[i] + columnFraction * (b[i] - a[i])
            let below = c[i] + columnFraction * (d[i] - c[i])
            return above + rowFraction * (below - above)
        }
    }

    func addPullBack(_ cotangent: [Float], _ map: FeatureMap, to gradient: inout [Float]) {
        for (row, share) in [(top, 1 - rowFraction), (bottom, rowFraction)] {
            for (column, part) in [(left, 1 - columnFraction), (right, columnFraction)] {
                map.addPullBack(
                    cotangent, weight: share * part, at: GridCell(row: row, column: column), to: &gradient)
            }
        }
    }
}
