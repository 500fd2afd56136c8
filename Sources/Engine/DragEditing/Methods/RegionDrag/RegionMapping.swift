import TensorCore

/// Which cell of the latent each cell of a target region is copied from.
///
/// Regions: a target cell's column is stretched from the target's columns to the source's, and its row from the target's
/// rows in that column to the source's rows in the column it comes from, as the authors map painted regions.
///
/// Points with a mask: a part of the mask (cells that touch, corners too) moves by the drags whose handles lie in it. A cell
/// comes from where the drags of the four nearest targets, weighted by 1/distance, have it come from. Nothing leaves the mask.
struct RegionMapping {
    /// A cell that is copied, and where it goes.
    struct Move: Equatable {
        let from, to: GridCell
    }

    /// All copies; a target cell is in it once.
    let moves: [Move]
    private let size: Size
    private let sources: Set<GridCell>

    init(_ task: DragTask, size: Size) {
        self.size = size
        let regions = task.regions.compactMap { $0 }
        var found: [Move] = []
        for region in regions { found += Self.stretched(region) }
        if let mask = task.mask {
            let points = task.handles.indices.filter { task.regions.isEmpty || task.regions[$0] == nil }
                .map { task.handles[$0] }
            found += Self.shifted(mask, points, task.grid)
        }
        // The last of several drags wins a cell, as later writes do.
        var at: [GridCell: Int] = [:]
        for (i, move) in found.enumerated() { at[move.to] = i }
        moves = found.enumerated().filter { at[$1.to] == $0 }.map(\.element)
        sources = Set(regions.flatMap { Self.cells($0.from) } + found.map(\.from))
    }

    /// The latent with its source cells mixed with noise: √(1 − scale²)·z + scale·noise.
    func noised(_ latent: Tensor, _ noise: Tensor, scale: Float) -> Tensor {
        let keep = max(0, 1 - scale * scale).squareRoot()
        var values = latent.values
        let (channels, drawn) = (latent.shape[3], noise.values)
        for cell in sources {
            for i in index(cell, channels) { values[i] = keep * values[i] + scale * drawn[i] }
        }
        return Tensor(latent.shape, values)
    }

    /// The latent with source cells of another one copied to their targets.
    func pasted(_ latent: Tensor, from stored: Tensor) -> Tensor {
        var values = latent.values
        let (channels, source) = (latent.shape[3], stored.values)
        for move in moves {
            for (from, to) in zip(index(move.from, channels), index(move.to, channels)) {
                values[to] = source[from]
            }
        }
        return Tensor(latent.shape, values)
    }

    private func index(_ cell: GridCell, _ channels: Int) -> Range<Int> {
        let first = (cell.row * size.width + cell.column) * channels
        return first..<first + channels
    }

    private static func cells(_ mask: EditMask) -> [GridCell] {
        mask.values.indices.filter { mask.values[$0] }
            .map { GridCell(row: $0 / mask.size.width, column: $0 % mask.size.width) }
    }

    /// The cells of a target region, each with its cell of the source region.
    static func stretched(_ regions: RegionPair) -> [Move] {
        let (from, to) = (cells(regions.from), cells(regions.to))
        let rowsOf = { (cells: [GridCell]) in
            Dictionary(grouping: cells, by: \.column).mapValues { column in
                (column.map(\.row).min() ?? 0, column.map(\.row).max() ?? 0)
            }
        }
        let (sourceRows, targetRows) = (rowsOf(from), rowsOf(to))
        guard let sourceSpan = span(from.map(\.column)), let targetSpan = span(to.map(\.column)) else {
            return []
        }
        return to.compactMap { cell in
            let column = nearest(
                stretched(cell.column, targetSpan, sourceSpan), among: sourceRows.keys)
            guard let source = sourceRows[column], let target = targetRows[cell.column] else { return nil }
            return Move(from: GridCell(row: stretched(cell.row, target, source), column: column), to: cell)
        }
    }

    private static func span(_ values: [Int]) -> (Int, Int)? {
        values.min().flatMap { low in values.max().map { (low, $0) } }
    }

    /// A value between the ends of one span, carried to another one; cut, not rounded.
    private static func stretched(_ value: Int, _ from: (Int, Int), _ to: (Int, Int)) -> Int {
        guard from.1 > from.0 else { return (to.0 + to.1) / 2 }
        return to.0 + (value - from.0) * (to.1 - to.0) / (from.1 - from.0)
    }

    /// A source region may have columns without cells: the nearest one that has some, the left of two.
    private static func nearest(_ column: Int, among columns: Dictionary<Int, (Int, Int)>.Keys) -> Int {
        columns.contains(column)
            ? column : columns.min { (abs($0 - column), $0) < (abs($1 - column), $1) } ?? column
    }

    /// The cells that parts of a mask move to, each with the cell that it comes from.
    private static func shifted(_ mask: EditMask, _ handles: [HandlePoint], _ grid: FeatureGrid) -> [Move] {
        let rows = Double(mask.size.height) / Double(grid.size.height)
        let columns = Double(mask.size.width) / Double(grid.size.width)
        func cell(_ place: GridCell) -> GridCell {
            GridCell(row: Int(Double(place.row) * rows), column: Int(Double(place.column) * columns))
        }
        let pairs = handles.map { (from: cell($0.start), to: cell($0.target)) }
        var moves: [Move] = []
        for part in parts(of: mask) {
            let inside = pairs.filter { part.contains($0.from) }
            guard !inside.isEmpty else { continue }
            for i in mask.values.indices where mask.values[i] {
                let to = GridCell(row: i / mask.size.width, column: i % mask.size.width)
                let from = origin(of: to, inside)
                if part.contains(from) { moves.append(Move(from: from, to: to)) }
            }
        }
        return moves
    }

    /// Where a cell comes from by the drags of the four nearest targets.
    private static func origin(of cell: GridCell, _ pairs: [(from: GridCell, to: GridCell)]) -> GridCell {
        let near = pairs.enumerated()
            .map { (index: $0, pair: $1, distance: $1.to.distance(to: cell)) }
            .sorted { ($0.distance, $0.index) < ($1.distance, $1.index) }.prefix(4)
        let total = near.reduce(0) { $0 + 1 / ($1.distance + 1e-4) }
        var (down, right) = (0.0, 0.0)
        for (_, pair, distance) in near {
            let share = 1 / (distance + 1e-4) / total
            down += share * Double(pair.to.row - pair.from.row)
            right += share * Double(pair.to.column - pair.from.column)
        }
        return GridCell(
            row: cell.row - Int(down.rounded(.toNearestOrEven)),
            column: cell.column - Int(right.rounded(.toNearestOrEven)))
    }

    /// The parts of a mask, cells that touch with sides or corners.
    private static func parts(of mask: EditMask) -> [Set<GridCell>] {
        var left = Set(cells(mask))
        var parts: [Set<GridCell>] = []
        for cell in cells(mask) where left.contains(cell) {
            var (part, open) = (Set<GridCell>(), [cell])
            left.remove(cell)
            while let next = open.popLast() {
                part.insert(next)
                for row in next.row - 1...next.row + 1 {
                    for column in next.column - 1...next.column + 1 {
                        if let found = left.remove(GridCell(row: row, column: column)) { open.append(found) }
                    }
                }
            }
            parts.append(part)
        }
        return parts
    }
}
