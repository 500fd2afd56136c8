import TensorCore

/// FastDrag's latent warpage: each cell of a domain moves along the drags, less the farther it is from the handles.
///
///     shift(C) = Σ_i share_i(C) · (|P_i C| / |A_i P_i|) · d_i      share_i ~ 1 / (|C A_i| + 1e-4)
///
/// A_i is a handle, d_i its drag, and P_i where the ray from A_i through C leaves the circle around the domain's box. A new
/// place is rounded, halves to even, and clamped into the latent. The first cell that goes to a place, row by row, keeps it.
struct LatentWarp {
    /// A handle and its drag, in cells of the latent.
    struct Pull {
        let row, column: Double
        let down, right: Double
    }

    /// From where to where cells go.
    let moves: [(from: GridCell, to: GridCell)]
    /// Cells of the domain to which none goes, row by row.
    let holes: [GridCell]

    init(domain: EditMask, handles: [Pull]) {
        let size = domain.size
        let cells = domain.values.indices.filter { domain.values[$0] }
            .map { GridCell(row: $0 / size.width, column: $0 % size.width) }
        let circle = Circle(around: cells)
        var taken = Set<GridCell>()
        moves = cells.compactMap { cell in
            let to = Self.place(of: cell, handles, circle, size)
            return taken.insert(to).inserted ? (from: cell, to: to) : nil
        }
        holes = cells.filter { !taken.contains($0) }
    }

    /// Where a cell goes.
    private static func place(of cell: GridCell, _ handles: [Pull], _ circle: Circle, _ size: Size)
        -> GridCell
    {
        let (row, column) = (Double(cell.row), Double(cell.column))
        let shares = handles.map { handle in
            1 / (distance(row - handle.row, column - handle.column) + 1e-4)
        }
        let total = shares.reduce(0, +)
        var (down, right) = (0.0, 0.0)
        for (handle, share) in zip(handles, shares) {
            let factor = share / total * circle.factor(of: cell, for: handle)
            down += factor * handle.down
            right += factor * handle.right
        }
        func index(_ value: Double, below end: Int) -> Int {
            min(max(Int(value.rounded(.toNearestOrEven)), 0), end - 1)
        }
        return GridCell(
            row: index(row + down, below: size.height), column: index(column + right, below: size.width))
    }

    /// The latent with its cells moved and its holes filled, `(1, h, w, channels)`.
    func warped(_ latent: Tensor) -> Tensor {
        let (height, width, channels) = (latent.shape[1], latent.shape[2], latent.shape[3])
        let source = latent.values
        var values = source
        var isEmpty = [Bool](repeating: false, count: height * width)
        for hole in holes { isEmpty[hole.row * width + hole.column] = true }
        for move in moves {
            let (from, to) = (move.from.row * width + move.from.column, move.to.row * width + move.to.column)
            for c in 0..<channels { values[to * channels + c] = source[from * channels + c] }
        }
        for hole in holes {
            let found = neighbours(of: hole, isEmpty, Size(height: height, width: width))
            let total = found.reduce(0) { $0 + $1.weight }
            guard total > 0 else { continue }
            let at = hole.row * width + hole.column
            for c in 0..<channels {
                let sum = found.reduce(0.0) { $0 + $1.weight * Double(values[$1.index * channels + c]) }
                values[at * channels + c] = Float(sum / total)
            }
            isEmpty[at] = false
        }
        return Tensor(latent.shape, values)
    }

    /// The nearest cells that are not empty, to the left, right, top and bottom, with 1/distance.
    ///
    /// Holes are filled row by row, and a filled one counts for those after it, as in the released code.
    private func neighbours(
        of hole: GridCell, _ isEmpty: [Bool], _ size: Size
    ) -> [(index: Int, weight: Double)] {
        [(0, -1), (0, 1), (-1, 0), (1, 0)].compactMap { down, right in
            var (row, column, steps) = (hole.row + down, hole.column + right, 1)
            while (0..<size.height).contains(row), (0..<size.width).contains(column) {
                if !isEmpty[row * size.width + column] {
                    return (row * size.width + column, 1 / Double(steps))
                }
                (row, column, steps) = (row + down, column + right, steps + 1)
            }
            return nil
        }
    }
}

/// The circle around the box of a domain's cells.
private struct Circle {
    let row, column, radius: Double

    init(around cells: [GridCell]) {
        let (rows, columns) = (cells.map(\.row), cells.map(\.column))
        let (top, bottom) = (Double(rows.min() ?? 0), Double(rows.max() ?? 0))
        let (left, right) = (Double(columns.min() ?? 0), Double(columns.max() ?? 0))
        row = (top + bottom) / 2
        column = (left + right) / 2
        radius = distance(row - top, column - left)
    }

    /// |PC| / |AP|; 1 at the handle itself, 0 where a handle outside the circle sees no rim.
    func factor(of cell: GridCell, for handle: LatentWarp.Pull) -> Double {
        let (down, right) = (Double(cell.row) - handle.row, Double(cell.column) - handle.column)
        let length = distance(down, right)
        guard length > 0 else { return 1 }
        let (a, b) = (handle.row - row, handle.column - column)
        let along = (down * a + right * b) / length
        let square = radius * radius - (a * a + b * b) + along * along
        guard square >= 0 else { return 0 }
        let rim = square.squareRoot() - along
        return rim > 0 ? abs(rim - length) / rim : 0
    }
}

private func distance(_ rows: Double, _ columns: Double) -> Double {
    (rows * rows + columns * columns).squareRoot()
}
