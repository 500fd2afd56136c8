/// A smooth shift that carries content along drags (ours, after FastDrag and Inpaint4Drag).
///
/// The content around a goal comes from around its drag's handle; the shift fades to nothing at the rim of the drag's
/// surroundings and of the mask, so that content is stretched and pressed, and neither torn nor left behind:
///
///     w_i(q) = room / (room + way)      room: from q to the nearest place that may not move; 1.5 times as far from an outline
///                                       way: from q to the core around where the handle's content goes
///     q comes from q − Σ_i share_i(q) · w_i(q) · a_i      share_i ~ 1 / (way_i + 4 · core_i)²
///
/// The a_i are such that the content of every handle arrives at its goal; of a single drag a is its way. Where a mask leaves less room
/// at the target than the drag is long, `way` is shortened behind the goal along the drag: content there follows more slowly and is not
/// turned over. All lengths have the unit of the points.
struct DragField: Sendable {
    /// One drag's pull.
    struct Pull: Sendable {
        /// The drag as a whole.
        let drag: Drag
        /// What lies within this distance of a goal goes along unbent, where no other drag pulls.
        let core: Double
        /// From the core at the target to the nearest place that may not move.
        let free: Double
        /// Whether a mask holds what may not move, and no outline.
        fileprivate let isMasked: Bool
        /// `room` of each place, and of any point.
        fileprivate let room: [Double]
        fileprivate let roomAround: @Sendable (ImagePoint) -> Double

        /// How far content can go: what lies ahead of it is pressed to a twentieth at most.
        var most: Double { 19 * free }

        /// Where the handle's content goes by a part of the drag, 0…1, as far as there is room.
        func goal(_ part: Double) -> ImagePoint {
            let (handle, target) = (drag.handle, drag.target)
            let length = handle.distance(to: target)
            let kept = length > 0 ? min(part, most / length) : 0
            return ImagePoint(
                x: handle.x + kept * (target.x - handle.x), y: handle.y + kept * (target.y - handle.y))
        }

        /// The share, not yet of a sum, and w at a point that is `room` away from what may not move.
        fileprivate func weight(at point: ImagePoint, room: Double, goal: ImagePoint) -> (
            share: Double, weight: Double
        ) {
            let way = max(0, distance(from: goal, to: point) - core)
            let softened = way + 4 * core
            return (1 / max(softened * softened, 1e-6), room > 0 ? room / (room + way) : 0)
        }

        /// The distance, shortened behind the goal along the way there where that is longer than `free` and a mask is the reason.
        private func distance(from goal: ImagePoint, to point: ImagePoint) -> Double {
            let way = SIMD2(goal.x - drag.handle.x, goal.y - drag.handle.y)
            let length = (way * way).sum().squareRoot()
            guard isMasked, length > free else { return point.distance(to: goal) }
            let offset = SIMD2(point.x - goal.x, point.y - goal.y)
            let along = (offset * way).sum() / length
            let across = offset - along * way / length
            let shortened = along < 0 ? along * free / length : along
            return (shortened * shortened + (across * across).sum()).squareRoot()
        }
    }

    let pulls: [Pull]
    private let places: [ImagePoint]

    /// - Parameters:
    ///   - places: where the field is asked for.
    ///   - image: the size of the picture in the points' unit.
    ///   - held: what may not move.
    init(_ drags: [Drag], places: [ImagePoint], image: Size, held: HeldCells) {
        self.places = places
        pulls = drags.map { drag in
            let disc = EditMask.Disc(around: drag, size: image)
            // The others lie behind the disc's rim from everywhere in it.
            var near = held
            near.middles = held.middles.filter { $0.distance(to: disc.middle) - held.radius < disc.radius }
            let room = { @Sendable [near] (point: ImagePoint) in disc.room(around: point, near) }
            let ahead = room(drag.target)
            let core = min(EditMask.margin(image) / 2, ahead / 2)
            return Pull(
                drag: drag, core: core, free: ahead - core, isMasked: !held.isOutline, room: places.map(room),
                roomAround: room)
        }
    }

    /// Whether content at the places may move.
    var mayMove: [Bool] { places.indices.map { i in pulls.contains { $0.room[i] > 0 } } }

    /// How far the content at each place has come when the content of each handle is at its goal.
    func shifts(_ goals: [ImagePoint]) -> [ImagePoint] {
        let amounts = amounts(goals)
        return places.indices.map { i in
            let sum = Self.sum(parts(at: places[i], goals) { $0.room[i] }, amounts)
            return ImagePoint(x: sum.x, y: sum.y)
        }
    }

    /// The a_i. What is missing at the goals is added again and again: 20 times leave nothing that an eye could see. No a is longer
    /// than twice the longest way, so two goals that are too near for a smooth shift to serve both pull nothing else far away.
    private func amounts(_ goals: [ImagePoint]) -> [SIMD2<Double>] {
        let ways = zip(pulls, goals).map { pull, goal in
            SIMD2(goal.x - pull.drag.handle.x, goal.y - pull.drag.handle.y)
        }
        guard pulls.count > 1 else { return ways }
        let atGoals = goals.map { goal in parts(at: goal, goals) { $0.roomAround(goal) } }
        let most = 2 * (ways.map { ($0 * $0).sum().squareRoot() }.max() ?? 0)
        return (0..<20).reduce(ways) { amounts, _ in
            amounts.indices.map { j in
                let amount = amounts[j] + ways[j] - Self.sum(atGoals[j], amounts)
                let length = (amount * amount).sum().squareRoot()
                return length > most ? amount * (most / length) : amount
            }
        }
    }

    /// share_i · w_i at a point, where the shares' sum is 1.
    private func parts(at point: ImagePoint, _ goals: [ImagePoint], room: (Pull) -> Double) -> [Double] {
        let each = zip(pulls, goals).map { $0.weight(at: point, room: room($0), goal: $1) }
        let shares = each.reduce(0) { $0 + $1.share }
        return each.map { $0.share * $0.weight / shares }
    }

    private static func sum(_ parts: [Double], _ amounts: [SIMD2<Double>]) -> SIMD2<Double> {
        zip(parts, amounts).reduce(SIMD2()) { $0 + $1.0 * $1.1 }
    }
}

extension EditMask.Disc {
    /// How far it is from a point to the nearest place that may not move: the disc's rim, or a held cell; 0 there.
    fileprivate func room(around point: ImagePoint, _ held: HeldCells) -> Double {
        let inside = radius - point.distance(to: middle)
        guard inside > 0 else { return 0 }
        return max(
            0,
            held.middles.reduce(inside) { min($0, held.steepness * ($1.distance(to: point) - held.radius)) })
    }
}

/// Cells that may not move.
struct HeldCells: Sendable {
    /// Their middles.
    var middles: [ImagePoint] = []
    /// Half a cell's diagonal.
    var radius = 0.0
    /// Whether they are an outline's, and not those that a mask keeps. A mask's rim may cut through anything; beside an outline content
    /// may be pressed more, and then what is dragged moves more as a whole.
    var isOutline = false

    /// How fast the room grows with the distance from them.
    fileprivate var steepness: Double { isOutline ? 1.5 : 1 }
}

extension EditMask {
    /// The cells that may not change, in the unit of `size`'s picture.
    func held(in image: Size) -> HeldCells {
        let (rows, columns) = (
            Double(image.height) / Double(size.height), Double(image.width) / Double(size.width)
        )
        let cells = values.indices.filter { !values[$0] }.map { i in
            ImagePoint(
                x: (Double(i % size.width) + 0.5) * columns - 0.5,
                y: (Double(i / size.width) + 0.5) * rows - 0.5)
        }
        return HeldCells(
            middles: cells, radius: (rows * rows + columns * columns).squareRoot() / 2)
    }
}
