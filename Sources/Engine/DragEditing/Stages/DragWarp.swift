import TensorCore

/// A picture stretched along its drags, before the drag itself (setting `warp`; ours). `DragField` has the formula.
///
/// Lengths are pixels of the input.
public struct DragWarp: Sendable {
    private let image: Size
    /// Where each handle's content goes.
    public let goals: [ImagePoint]
    /// Where content comes from, as (rows, columns) of the input from each cell of a grid: `(1, h, w, 2)`.
    let field: Tensor
    /// Where content goes from each cell of the field's grid to its origin: (rows, columns) of the input.
    private let ways: [SIMD2<Float>]
    private let grid: Size

    /// - Parameters:
    ///   - part: of each drag, 0…1.
    ///   - image: the input's size.
    ///   - mask: what may move, on the field's grid; nil: the drags' surroundings alone bound the shift.
    ///   - grid: the field's rows and columns; between its cells the field is bilinear.
    public init(_ drags: [Drag], part: Double, image: Size, mask: EditMask?, grid: Size) {
        precondition(mask.map { $0.size == grid } ?? true, "a mask of another size than the field")
        self.init(drags, part: part, image: image, held: mask?.held(in: image) ?? HeldCells(), grid: grid)
    }

    private init(_ drags: [Drag], part: Double, image: Size, held: HeldCells, grid: Size) {
        self.image = image
        let everywhere = EditMask(
            size: grid, values: Array(repeating: false, count: grid.height * grid.width))
        let pulling = DragField(
            drags, places: everywhere.held(in: image).middles, image: image, held: held)
        goals = pulling.pulls.map { $0.goal(part) }
        let smooth = pulling.shifts(goals).map { SIMD2(Float(-$0.y), Float(-$0.x)) }
        let cell = SIMD2(
            Float(image.height) / Float(grid.height), Float(image.width) / Float(grid.width))
        ways = Self.unfolded(smooth, grid, cell: cell, mayMove: pulling.mayMove)
        field = Tensor([1, grid.height, grid.width, 2], ways.flatMap { [$0.x, $0.y] })
        self.grid = grid
    }

    /// The stretch of a picture. Without a mask the outline around the drags holds its place, where their content then still arrives.
    ///
    /// - Parameter picture: at any size, `(1, h, w, 3)` in [0, 1].
    public init(
        _ drags: [Drag], part: Double, of picture: Tensor, image: Size, mask: EditMask?, grid: Size
    ) {
        if mask == nil, let inside = LargestOutline(of: picture).inside(drags, image: image, grid: grid) {
            var held = inside.held(in: image)
            held.isOutline = true
            let bounded = DragWarp(drags, part: part, image: image, held: held, grid: grid)
            if bounded.carries(drags) {
                self = bounded
                return
            }
        }
        self.init(drags, part: part, image: image, mask: mask, grid: grid)
    }

    /// Whether the content of every handle comes at least three quarters of its way to its goal.
    private func carries(_ drags: [Drag]) -> Bool {
        zip(drags, goals).allSatisfy { drag, goal in
            let origin = origin(of: SIMD2(Float(goal.y), Float(goal.x)), in: image)
            let found = ImagePoint(x: Double(origin.y), y: Double(origin.x))
            return found.distance(to: drag.handle) <= drag.handle.distance(to: goal) / 4 + 1e-3
        }
    }

    /// The ways, with the mean of their neighbours' where drags against each other would fold the content between them.
    private static func unfolded(
        _ ways: [SIMD2<Float>], _ grid: Size, cell: SIMD2<Float>, mayMove: [Bool]
    ) -> [SIMD2<Float>] {
        var ways = ways
        for _ in 0..<200 {
            let folded = Set(
                folds(ways, grid, cell: cell).flatMap { [$0, $0 + 1, $0 + grid.width, $0 + grid.width + 1] })
            guard !folded.isEmpty else { break }
            let old = ways
            for i in folded where mayMove[i] {
                let (row, column) = (i / grid.width, i % grid.width)
                let (above, below) = (max(row - 1, 0), min(row + 1, grid.height - 1))
                let (left, right) = (max(column - 1, 0), min(column + 1, grid.width - 1))
                let stacked = old[above * grid.width + column] + old[below * grid.width + column]
                ways[i] = (stacked + old[row * grid.width + left] + old[row * grid.width + right]) / 4
            }
        }
        return ways
    }

    /// The first of every four cells between which content is turned over, or pressed to less than a twentieth of its area.
    private static func folds(_ ways: [SIMD2<Float>], _ grid: Size, cell: SIMD2<Float>) -> [Int] {
        func area(_ a: SIMD2<Float>, _ b: SIMD2<Float>) -> Float { a.x * b.y - a.y * b.x }
        let (down, across) = (SIMD2(cell.x, 0), SIMD2(0, cell.y))
        return (0..<(grid.height - 1) * grid.width).filter { i in
            guard i % grid.width < grid.width - 1 else { return false }
            let below = i + grid.width
            let (left, right) = (down + ways[below] - ways[i], down + ways[below + 1] - ways[i + 1])
            let (upper, lower) = (across + ways[i + 1] - ways[i], across + ways[below + 1] - ways[below])
            let least = min(area(left, upper), area(left, lower), area(right, upper), area(right, lower))
            return least < 0.05 * cell.x * cell.y
        }
    }

    /// The picture, `(1, h, w, channels)` at any size, with its content shifted; bilinear, and at the border the border's values.
    public func warped(_ picture: Tensor) -> Tensor {
        picture.sampled(at: origins(Size(height: picture.shape[1], width: picture.shape[2])))
    }

    /// Where the content of each pixel comes from, as (row, column) of the picture at a size; row by row.
    func origins(_ size: Size) -> [SIMD2<Float>] {
        (0..<size.height * size.width).map { i in
            origin(of: SIMD2(Float(i / size.width), Float(i % size.width)), in: size)
        }
    }

    /// Where the content at a place comes from; both are (row, column) of the picture at a size.
    public func origin(of place: SIMD2<Float>, in size: Size) -> SIMD2<Float> {
        let shape = SIMD2(Float(size.height), Float(size.width))
        let most = SIMD2(Float(grid.height - 1), Float(grid.width - 1))
        let cell = ((place + 0.5) * SIMD2(Float(grid.height), Float(grid.width)) / shape - 0.5)
            .clamped(lowerBound: .zero, upperBound: most)
        let (top, left) = (Int(cell.x), Int(cell.y))
        let (below, right) = (min(top + 1, grid.height - 1), min(left + 1, grid.width - 1))
        let (down, across) = (cell.x - Float(top), cell.y - Float(left))
        func row(_ number: Int) -> SIMD2<Float> {
            let (first, second) = (ways[number * grid.width + left], ways[number * grid.width + right])
            return first + across * (second - first)
        }
        let (upper, lower) = (row(top), row(below))
        let way = (upper + down * (lower - upper)) * shape / SIMD2(Float(image.height), Float(image.width))
        return (place + way).clamped(lowerBound: .zero, upperBound: shape - 1)
    }
}

extension Tensor {
    /// A picture, `(1, height, width, channels)`: at each pixel the bilinear value at a place (row, column) of this one.
    ///
    /// - Parameters:
    ///   - places: row by row, inside this picture.
    ///   - size: of the picture that is made; nil: this one's.
    func sampled(at places: [SIMD2<Float>], size: Size? = nil) -> Tensor {
        let (h, w, channels) = (shape[1], shape[2], shape[3])
        return Tensor([1, size?.height ?? h, size?.width ?? w, channels]) { out in
            withUnsafeValues { from in
                for (i, place) in places.enumerated() {
                    let (top, left) = (Int(place.x), Int(place.y))
                    let (below, right) = (min(top + 1, h - 1), min(left + 1, w - 1))
                    let (down, across) = (place.x - Float(top), place.y - Float(left))
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
