import Settings
import TensorCore

/// Motion supervision of the drags' whole surroundings (`motion_area: surroundings`; ours, after the region supervision of
/// DragFlow): every cell that may move shall look like what the source has where its content comes from.
///
///     L = (2·r1+1)² · mean over cells and channels of |F(q) − F0(q − u(q))|
///
/// `u` is the smooth shift of `DragField` that carries the content of each handle one step of motion supervision further than it
/// is, and at most to its target.
struct SurroundingsSupervision {
    private let field: DragField
    private let motion: MotionSupervision
    private let initial: FeatureMap
    private let cells: [GridCell]
    /// Which of the grid's cells may move.
    private let moving: [Int]
    /// The goals of the last iteration, and what the moving cells shall look like with them.
    private var wanted: (goals: [ImagePoint], features: [[Float]])?

    /// - Parameters:
    ///   - handles: at their starts.
    ///   - initial: the source's features.
    ///   - mask: where the picture may change; nil: everywhere.
    init(_ motion: MotionSupervision, handles: [HandlePoint], initial: FeatureMap, mask: EditMask?) {
        self.motion = motion
        self.initial = initial
        let grid = initial.size
        cells = (0..<grid.height * grid.width).map {
            GridCell(row: $0 / grid.width, column: $0 % grid.width)
        }
        let drags = handles.map { Drag(from: ImagePoint($0.start), to: ImagePoint($0.target)) }
        field = DragField(
            drags, places: cells.map { ImagePoint($0) }, image: grid,
            held: mask.map { $0.held(in: grid) } ?? ([], 0))
        let mayMove = field.mayMove
        moving = cells.indices.filter { mayMove[$0] }
    }

    /// The loss, and its gradient to the features (at the block's own resolution, `(1, h, w, channels)`).
    mutating func loss(_ features: FeatureMap, handles: [HandlePoint]) -> (value: Double, gradient: Tensor) {
        let wanted = wantedFeatures(handles)
        var gradient = [Float](repeating: 0, count: features.features.count)
        let side = Double(2 * motion.radius + 1)
        let slope = Float(side * side / Double(max(moving.count, 1) * features.channels))
        var sum = 0.0
        for (cell, fixed) in zip(moving, wanted) {
            let found = features.feature(at: cells[cell])
            var sign = [Float](repeating: 0, count: found.count)
            for i in found.indices {
                let difference = found[i] - fixed[i]
                sum += Double(abs(difference))
                sign[i] = difference > 0 ? slope : difference < 0 ? -slope : 0
            }
            features.addPullBack(sign, weight: 1, at: cells[cell], to: &gradient)
        }
        return (Double(slope) * sum, Tensor(features.features.shape, gradient))
    }

    /// What the moving cells shall look like. While no handle moves, this stays.
    private mutating func wantedFeatures(_ handles: [HandlePoint]) -> [[Float]] {
        let goals = zip(handles, field.pulls).map { goal($0, $1) }
        if let wanted, wanted.goals == goals { return wanted.features }
        let shifts = field.shifts(goals)
        let features = moving.map { i in
            PlacedSample(
                row: cells[i].row, column: cells[i].column, by: (rows: -shifts[i].y, columns: -shifts[i].x),
                grid: initial.size
            ).value(initial)
        }
        wanted = (goals, features)
        return features
    }

    /// Where the content of a handle is to go next.
    private func goal(_ handle: HandlePoint, _ pull: DragField.Pull) -> ImagePoint {
        var next = ImagePoint(handle.target)
        if handle.position.distance(to: handle.target) >= motion.reach {
            let d = motion.step(handle)
            next = ImagePoint(handle.position)
            next.x += d.columns
            next.y += d.rows
        }
        let start = ImagePoint(handle.start)
        let length = start.distance(to: next)
        let kept = length > pull.most ? pull.most / length : 1
        return ImagePoint(x: start.x + kept * (next.x - start.x), y: start.y + kept * (next.y - start.y))
    }
}

extension ImagePoint {
    /// A cell's middle on its grid.
    fileprivate init(_ cell: GridCell) { self.init(x: Double(cell.column), y: Double(cell.row)) }
}
