import Settings
import TensorCore

/// Motion supervision of the drags' whole surroundings (`motion_area: surroundings`; ours, after the region supervision of
/// DragFlow): every cell that may move shall look like what the source has where its content comes from.
///
///     L = (2·r1+1)² · mean over cells and channels of |F(q) − F0(q − u(q))|
///
/// `u` is the smooth shift of `DragField` that carries the content of each handle to a goal: from where the handle is twice the way
/// that remains, at most one cell or four (`step_length`). Features lag behind what they are asked to be, so a goal lies beyond
/// the target until the handle has arrived.
///
/// After a stretch F0 are the stretched picture's features and `u` is what remains of the shift, so what the stretch has put in its
/// place is held there, and no goal lies beyond a target.
struct SurroundingsSupervision {
    private let field: DragField
    private let motion: MotionSupervision
    /// The features that the templates are read from, and where the handles are in them.
    private let initial: FeatureMap
    private let places: [GridCell]
    private let isStretched: Bool
    private let cells: [GridCell]
    /// Which of the grid's cells may move.
    private let moving: [Int]
    /// The goals of the last iteration, and what the moving cells shall look like with them.
    private var wanted: (goals: [ImagePoint], features: [[Float]])?

    /// - Parameters:
    ///   - handles: where the loop begins.
    ///   - initial: the features there: of the source, or of the stretched picture.
    ///   - mask: where the picture may change; nil: everywhere.
    init(
        _ motion: MotionSupervision, handles: [HandlePoint], initial: FeatureMap, isStretched: Bool,
        mask: EditMask?
    ) {
        self.motion = motion
        self.initial = initial
        self.isStretched = isStretched
        places = handles.map(\.position)
        let grid = initial.size
        cells = (0..<grid.height * grid.width).map {
            GridCell(row: $0 / grid.width, column: $0 % grid.width)
        }
        let drags = handles.map { Drag(from: ImagePoint($0.start), to: ImagePoint($0.target)) }
        field = DragField(
            drags, places: cells.map { ImagePoint($0) }, image: grid,
            held: mask.map { $0.held(in: grid) } ?? HeldCells())
        let mayMove = field.mayMove
        moving = cells.indices.filter { mayMove[$0] }
    }

    /// Whether the mask leaves room to carry the content of every handle to its target.
    var reachesTargets: Bool {
        field.pulls.allSatisfy { $0.drag.handle.distance(to: $0.drag.target) <= $0.most }
    }

    /// The loss, and its gradient to the features (at the block's own resolution, `(1, h, w, channels)`); 0 when all handles have
    /// arrived and nothing holds them.
    mutating func loss(_ features: FeatureMap, handles: [HandlePoint]) -> (value: Double, gradient: Tensor) {
        guard motion.holdsArrived || !handles.allSatisfy(hasArrived) else {
            return (0, .zeros(features.features.shape))
        }
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
        let goals = handles.indices.map { goal(handles[$0], from: places[$0], field.pulls[$0]) }
        if let wanted, wanted.goals == goals { return wanted.features }
        let shifts = field.shifts(goals)
        let done = isStretched ? field.shifts(places.map { ImagePoint($0) }) : nil
        let features = moving.map { i in
            PlacedSample(
                row: cells[i].row, column: cells[i].column,
                by: (rows: (done?[i].y ?? 0) - shifts[i].y, columns: (done?[i].x ?? 0) - shifts[i].x),
                grid: initial.size
            ).value(initial)
        }
        wanted = (goals, features)
        return features
    }

    private func hasArrived(_ handle: HandlePoint) -> Bool {
        handle.position.distance(to: handle.target) < motion.reach
    }

    /// Where the content of a handle is to go next.
    ///
    /// - Parameter place: where the loop began with it: a stretched picture's content is not asked to go back.
    private func goal(_ handle: HandlePoint, from place: GridCell, _ pull: DragField.Pull) -> ImagePoint {
        let target = ImagePoint(handle.target)
        let isBehind =
            isStretched && handle.position.distance(to: handle.target) > place.distance(to: handle.target)
        let position = ImagePoint(isBehind ? place : handle.position)
        let distance = position.distance(to: target)
        var next = target
        if distance >= motion.reach {
            let way = min(motion.stepLength == .unit ? 1 : 4, isStretched ? distance : 2 * distance)
            next.x = position.x + way * (target.x - position.x) / distance
            next.y = position.y + way * (target.y - position.y) / distance
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
