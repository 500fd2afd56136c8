import Foundation
import Settings
import TensorCore

/// Motion supervision (eq. 5): what lies one step ahead of each handle shall look like what was at its start.
///
///     L = Σ_i (2·r1+1)² · mean over patch and channels of |F(q + d_i) − F0(q⁰)|
///
/// `q` runs over the patch around the handle, `q⁰` over the same offsets around the handle's start; `d_i` points to the
/// target. `Template` names what else F0(q⁰) can be, and `Reduction` how a patch adds up.
/// Source: docs/algorithm.md section 3, step 4; oracle `motion_loss`.
struct MotionSupervision: Sendable {
    typealias Template = EditSettings.MotionTemplate

    /// How a patch adds up: a factor times the mean over patch and channels, or the sum.
    enum Reduction: Sendable, Equatable {
        case mean(times: Double)
        case sum
    }

    let radius: Int
    let reach: Double
    let stepLength: EditSettings.StepLength
    let template: Template
    let reduction: Reduction
    /// Whether handles that have arrived are supervised too: they are held where they are to be.
    let holdsArrived: Bool

    /// Supervision over patches of `2·radius+1` cells, for handles at least `reach` cells from their targets.
    ///
    /// - Parameter reduction: nil: (2·radius+1)² times the mean.
    init(
        radius: Int, reach: Double, stepLength: EditSettings.StepLength, template: Template = .start,
        reduction: Reduction? = nil, holdsArrived: Bool = false
    ) {
        self.radius = radius
        self.reach = reach
        self.stepLength = stepLength
        self.template = template
        self.holdsArrived = holdsArrived
        self.reduction = reduction ?? .mean(times: Double((2 * radius + 1) * (2 * radius + 1)))
    }

    /// What the settings name.
    init(_ settings: EditSettings, radius: Int, holdsArrived: Bool = false) {
        self.init(
            radius: radius, reach: settings.reach, stepLength: settings.stepLength,
            template: settings.motionTemplate, reduction: settings.motionReduction == .sum ? .sum : nil,
            holdsArrived: holdsArrived)
    }

    /// The loss, and its gradient to the features (at the block's own resolution, `(1, h, w, channels)`). What the features are
    /// compared with is a constant.
    ///
    /// - Parameter templates: one a handle where they differ; nil: `template` for all.
    func loss(
        _ features: FeatureMap, initial: FeatureMap, handles: [HandlePoint], templates: [Template]? = nil
    ) -> (value: Double, gradient: Tensor) {
        var gradient = [Float](repeating: 0, count: features.features.count)
        var total = 0.0
        for (i, handle) in handles.enumerated()
        where holdsArrived || handle.position.distance(to: handle.target) >= reach {
            total += add(handle, templates?[i] ?? template, features, initial, to: &gradient)
        }
        return (total, Tensor(features.features.shape, gradient))
    }

    /// d_i as (rows, columns), in cells.
    func step(_ handle: HandlePoint) -> (rows: Double, columns: Double) {
        let distance = handle.position.distance(to: handle.target)
        guard distance > 0 else { return (0, 0) }
        let length = stepLength == .unit ? 1 : min(4, distance)
        return (
            Double(handle.target.row - handle.position.row) / distance * length,
            Double(handle.target.column - handle.position.column) / distance * length
        )
    }

    private func add(
        _ handle: HandlePoint, _ template: Template, _ features: FeatureMap, _ initial: FeatureMap,
        to gradient: inout [Float]
    ) -> Double {
        let d = step(handle)
        let origin = template == .start ? handle.start : handle.position
        let wanted = template == .current ? features : initial
        let rows = offsets(handle.position.row, origin.row, below: features.size.height)
        let columns = offsets(handle.position.column, origin.column, below: features.size.width)
        let count = rows.count * columns.count * features.channels
        let slope: Float =
            switch reduction {
            case .mean(let factor): Float(factor / Double(count))
            case .sum: 1
            }
        var sum = 0.0
        for dr in rows {
            for dc in columns {
                let sample = PlacedSample(
                    row: handle.position.row + dr, column: handle.position.column + dc, by: d,
                    grid: features.size)
                let moved = sample.value(features)
                let fixed = wanted.feature(at: GridCell(row: origin.row + dr, column: origin.column + dc))
                var sign = [Float](repeating: 0, count: moved.count)
                for i in moved.indices {
                    let difference = moved[i] - fixed[i]
                    sum += Double(abs(difference))
                    sign[i] = difference > 0 ? slope : difference < 0 ? -slope : 0
                }
                sample.addPullBack(sign, features, to: &gradient)
            }
        }
        switch reduction {
        case .mean(let factor): return factor * sum / Double(count)
        case .sum: return sum
        }
    }

    /// Offsets for which both the patch around the handle and the one that it is compared with are in the grid.
    private func offsets(_ position: Int, _ start: Int, below end: Int) -> ClosedRange<Int> {
        let low = max(-radius, -position, -start)
        return low...min(radius, end - 1 - position, end - 1 - start)
    }
}

/// A place between four cells; outside the grid the border's value is taken.
struct PlacedSample {
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
