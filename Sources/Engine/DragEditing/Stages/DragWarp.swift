import TensorCore

/// A picture stretched along its drags, before the drag itself (setting `warp`; ours, after FastDrag and Inpaint4Drag).
///
/// The content around a target comes from around its handle; the shift fades to nothing at the rim of the drag's
/// surroundings and of the mask, so that content is stretched and pressed, and neither torn nor left behind:
///
///     w_i(q) = room / (room + way)      room: from q to the nearest place that may not move
///                                       way: from q to the core around where the handle's content goes
///     q comes from q − Σ_i share_i(q) · w_i(q) · d_i      share_i ~ 1 / way_i²
///
/// Lengths are pixels of the input.
public struct DragWarp: Sendable {
    /// One drag's pull.
    private struct Pull {
        /// d_i.
        let shift: ImagePoint
        /// Where the handle's content goes; what lies within `core` of it goes along unbent.
        let goal: ImagePoint
        let core: Double
        let disc: EditMask.Disc

        /// The pull by `part` of a drag. It never exceeds what can be made room for ahead of the content.
        init(_ drag: Drag, part: Double, image: Size, fixed: Fixed) {
            disc = EditMask.Disc(around: drag, size: image)
            let length = drag.handle.distance(to: drag.target)
            let ahead = disc.room(around: drag.target, fixed: fixed)
            core = min(EditMask.margin(image) / 2, ahead / 2)
            let kept = length > 0 ? min(part, (ahead - core) / length) : 0
            shift = ImagePoint(
                x: kept * (drag.target.x - drag.handle.x), y: kept * (drag.target.y - drag.handle.y))
            goal = ImagePoint(x: drag.handle.x + shift.x, y: drag.handle.y + shift.y)
        }
    }

    private let image: Size
    /// Where each handle's content goes.
    public let goals: [ImagePoint]
    /// Where content comes from, as (rows, columns) of the input from each cell of a grid: `(1, h, w, 2)`.
    let field: Tensor

    /// - Parameters:
    ///   - part: of each drag, 0…1.
    ///   - image: the input's size.
    ///   - mask: what may move, on the field's grid; nil: the drags' surroundings alone bound the shift.
    ///   - grid: the field's rows and columns; between its cells the field is bilinear.
    public init(_ drags: [Drag], part: Double, image: Size, mask: EditMask?, grid: Size) {
        precondition(mask.map { $0.size == grid } ?? true, "a mask of another size than the field")
        self.image = image
        let (rows, columns) = (
            Double(image.height) / Double(grid.height), Double(image.width) / Double(grid.width)
        )
        let cells = (0..<grid.height * grid.width).map { i in
            ImagePoint(
                x: (Double(i % grid.width) + 0.5) * columns - 0.5,
                y: (Double(i / grid.width) + 0.5) * rows - 0.5)
        }
        let fixed = Fixed(
            cells: mask.map { mask in cells.indices.filter { !mask.values[$0] }.map { cells[$0] } } ?? [],
            radius: (rows * rows + columns * columns).squareRoot() / 2)
        let pulls = drags.map { Pull($0, part: part, image: image, fixed: fixed) }
        goals = pulls.map(\.goal)
        field = Tensor(
            [1, grid.height, grid.width, 2],
            cells.flatMap { cell in
                var (x, y, shares) = (0.0, 0.0, 0.0)
                for pull in pulls {
                    let way = max(0, cell.distance(to: pull.goal) - pull.core)
                    let room = pull.disc.room(around: cell, fixed: fixed)
                    let share = 1 / max(way * way, 1e-6)
                    let weight = room > 0 ? room / (room + way) : 0
                    x += share * weight * pull.shift.x
                    y += share * weight * pull.shift.y
                    shares += share
                }
                return [Float(-y / shares), Float(-x / shares)]
            })
    }

    /// The picture, `(1, h, w, channels)` at any size, with its content shifted; bilinear, and at the border the border's values.
    public func warped(_ picture: Tensor) -> Tensor {
        let (h, w, channels) = (picture.shape[1], picture.shape[2], picture.shape[3])
        let (rows, columns) = (Float(h) / Float(image.height), Float(w) / Float(image.width))
        let offsets = apply(Resize(height: h, width: w, .bilinear), Variable(field)).value.values
        return Tensor(picture.shape) { out in
            picture.withUnsafeValues { from in
                for i in 0..<h * w {
                    let row = min(max(Float(i / w) + offsets[2 * i] * rows, 0), Float(h - 1))
                    let column = min(max(Float(i % w) + offsets[2 * i + 1] * columns, 0), Float(w - 1))
                    let (top, left) = (Int(row), Int(column))
                    let (below, right) = (min(top + 1, h - 1), min(left + 1, w - 1))
                    let (down, across) = (row - Float(top), column - Float(left))
                    for c in 0..<channels {
                        func value(_ row: Int, _ column: Int) -> Float {
                            from[(row * w + column) * channels + c]
                        }
                        let upper = value(top, left) + across * (value(top, right) - value(top, left))
                        let lower = value(below, left) + across * (value(below, right) - value(below, left))
                        out[i * channels + c] = upper + down * (lower - upper)
                    }
                }
            }
        }
    }
}

/// Cells that a mask holds: their middles, and half their diagonal.
private struct Fixed {
    let cells: [ImagePoint]
    let radius: Double
}

extension EditMask.Disc {
    /// How far it is from a point to the nearest place that may not move: the disc's rim, or a cell of `fixed`; 0 there.
    fileprivate func room(around point: ImagePoint, fixed: Fixed) -> Double {
        let inside = radius - point.distance(to: middle)
        guard inside > 0 else { return 0 }
        return max(0, fixed.cells.reduce(inside) { min($0, $1.distance(to: point) - fixed.radius) })
    }
}
