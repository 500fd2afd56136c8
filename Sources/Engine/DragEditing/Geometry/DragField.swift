/// A smooth shift that carries content along drags (ours, after FastDrag and Inpaint4Drag).
///
/// The content around a goal comes from around its drag's handle; the shift fades to nothing at the rim of the drag's
/// surroundings and of the mask, so that content is stretched and pressed, and neither torn nor left behind:
///
///     w_i(q) = room / (room + way)      room: from q to the nearest place that may not move
///                                       way: from q to the core around where the handle's content goes
///     q comes from q − Σ_i share_i(q) · w_i(q) · d_i      share_i ~ 1 / way_i²
///
/// All lengths have the unit of the points.
struct DragField: Sendable {
    /// One drag's pull.
    struct Pull: Sendable {
        /// The drag as a whole.
        let drag: Drag
        /// What lies within this distance of a goal goes along unbent.
        let core: Double
        /// How far content can go at most: what can be made room for ahead of it.
        let most: Double
        /// `room` of each place.
        fileprivate let room: [Double]
    }

    let pulls: [Pull]
    private let places: [ImagePoint]

    /// - Parameters:
    ///   - places: where the field is asked for.
    ///   - image: the size of the picture in the points' unit.
    ///   - held: the middles of the cells that may not move, and half their diagonal.
    init(_ drags: [Drag], places: [ImagePoint], image: Size, held: (cells: [ImagePoint], radius: Double)) {
        self.places = places
        pulls = drags.map { drag in
            let disc = EditMask.Disc(around: drag, size: image)
            // The others lie behind the disc's rim from everywhere in it.
            let near = held.cells.filter { $0.distance(to: disc.middle) - held.radius < disc.radius }
            func room(_ point: ImagePoint) -> Double { disc.room(around: point, near, radius: held.radius) }
            let ahead = room(drag.target)
            let core = min(EditMask.margin(image) / 2, ahead / 2)
            return Pull(drag: drag, core: core, most: ahead - core, room: places.map(room))
        }
    }

    /// Whether content at the places may move.
    var mayMove: [Bool] { places.indices.map { i in pulls.contains { $0.room[i] > 0 } } }

    /// How far the content at each place has come when the content of each handle is at its goal.
    func shifts(_ goals: [ImagePoint]) -> [ImagePoint] {
        places.indices.map { i in
            var (x, y, shares) = (0.0, 0.0, 0.0)
            for (pull, goal) in zip(pulls, goals) {
                let way = max(0, places[i].distance(to: goal) - pull.core)
                let share = 1 / max(way * way, 1e-6)
                let weight = pull.room[i] > 0 ? pull.room[i] / (pull.room[i] + way) : 0
                x += share * weight * (goal.x - pull.drag.handle.x)
                y += share * weight * (goal.y - pull.drag.handle.y)
                shares += share
            }
            return ImagePoint(x: x / shares, y: y / shares)
        }
    }
}

extension EditMask.Disc {
    /// How far it is from a point to the nearest place that may not move: the disc's rim, or a held cell; 0 there.
    fileprivate func room(around point: ImagePoint, _ held: [ImagePoint], radius cell: Double) -> Double {
        let inside = radius - point.distance(to: middle)
        guard inside > 0 else { return 0 }
        return max(0, held.reduce(inside) { min($0, $1.distance(to: point) - cell) })
    }
}

extension EditMask {
    /// The middles of the cells that may not change, in the unit of `size`'s picture, and half a cell's diagonal.
    func held(in image: Size) -> (cells: [ImagePoint], radius: Double) {
        let (rows, columns) = (
            Double(image.height) / Double(size.height), Double(image.width) / Double(size.width)
        )
        let cells = values.indices.filter { !values[$0] }.map { i in
            ImagePoint(
                x: (Double(i % size.width) + 0.5) * columns - 0.5,
                y: (Double(i / size.width) + 0.5) * rows - 0.5)
        }
        return (cells, (rows * rows + columns * columns).squareRoot() / 2)
    }
}
