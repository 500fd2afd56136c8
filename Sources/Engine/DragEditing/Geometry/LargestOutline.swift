import TensorCore

/// The largest outline in a picture: of a face, of a sticker on plain ground (ours; docs/algorithm.md section 3). Where it surrounds
/// the drags they move what is inside, and the outline holds its place.
struct LargestOutline {
    /// The gradient's length above which a pixel belongs to an outline: 12 of 255 a pixel.
    private static let leastSlope: Float = 12.0 / 255
    /// A drag nearer than this part of the picture's longer side may move the outline.
    private static let nearness = 5.0 / 128

    private let size: Size
    private let pixels: [ImagePoint]
    /// Pixels that a way from the picture's border reaches without crossing the outline, row by row.
    private let isOutside: [Bool]

    /// The outline whose bounding box is the largest, at 128 pixels or less.
    ///
    /// - Parameter picture: `(1, h, w, 3)` in [0, 1].
    init(of picture: Tensor) {
        let small = Size(height: picture.shape[1], width: picture.shape[2]).small
        let slopes = ScalarMap.slopes(
            of: picture.resizedAntialiased(height: small.height, width: small.width), blurredBy: 0)
        let largest = Self.joined(slopes.values.map { $0 > Self.leastSlope }, small).max { $0.area < $1.area }
        size = small
        let found = largest?.pixels ?? []
        pixels = found.map { ImagePoint(x: Double($0 % small.width), y: Double($0 / small.width)) }
        isOutside = Self.outside(Set(found), small)
    }

    /// What drags inside the outline may move, on a grid: all but its cells. nil, where it does not surround them all, or one comes
    /// near it.
    ///
    /// - Parameter image: the size that the drags' points refer to.
    func inside(_ drags: [Drag], image: Size, grid: Size) -> EditMask? {
        let near = Self.nearness * Double(size.longerSide)
        let drags = drags.map {
            Drag(
                from: $0.handle.scaled(from: image, to: size), to: $0.target.scaled(from: image, to: size))
        }
        guard !drags.isEmpty, drags.allSatisfy({ surrounds($0.handle) }),
            pixels.allSatisfy({ pixel in drags.allSatisfy { $0.distance(to: pixel) >= near } })
        else { return nil }
        var values = Array(repeating: true, count: grid.height * grid.width)
        for pixel in pixels {
            let row = Int((pixel.y + 0.5) * Double(grid.height) / Double(size.height))
            let column = Int((pixel.x + 0.5) * Double(grid.width) / Double(size.width))
            values[row * grid.width + column] = false
        }
        return EditMask(size: grid, values: values)
    }

    private func surrounds(_ point: ImagePoint) -> Bool {
        let row = min(max(Int(point.y.rounded()), 0), size.height - 1)
        let column = min(max(Int(point.x.rounded()), 0), size.width - 1)
        return !isOutside[row * size.width + column]
    }

    /// Where a way over pixels' sides leads from the border, around an outline.
    private static func outside(_ outline: Set<Int>, _ size: Size) -> [Bool] {
        let count = size.height * size.width
        var isOutside = Array(repeating: false, count: count)
        var next = (0..<count).filter { i in
            let (row, column) = (i / size.width, i % size.width)
            return row == 0 || column == 0 || row == size.height - 1 || column == size.width - 1
        }
        while let pixel = next.popLast() {
            guard !isOutside[pixel], !outline.contains(pixel) else { continue }
            isOutside[pixel] = true
            let (row, column) = (pixel / size.width, pixel % size.width)
            if row > 0 { next.append(pixel - size.width) }
            if row < size.height - 1 { next.append(pixel + size.width) }
            if column > 0 { next.append(pixel - 1) }
            if column < size.width - 1 { next.append(pixel + 1) }
        }
        return isOutside
    }

    /// Pixels that touch each other by a side or a corner, and their bounding box's area.
    private static func joined(_ isEdge: [Bool], _ size: Size) -> [(pixels: [Int], area: Int)] {
        var rest = isEdge
        return isEdge.indices.compactMap { first in
            guard rest[first] else { return nil }
            rest[first] = false
            var pixels = [first]
            var (rows, columns) = (
                first / size.width...first / size.width, first % size.width...first % size.width
            )
            var next = 0
            while next < pixels.count {
                let (row, column) = (pixels[next] / size.width, pixels[next] % size.width)
                rows = min(rows.lowerBound, row)...max(rows.upperBound, row)
                columns = min(columns.lowerBound, column)...max(columns.upperBound, column)
                for y in max(0, row - 1)...min(size.height - 1, row + 1) {
                    for x in max(0, column - 1)...min(size.width - 1, column + 1)
                    where rest[y * size.width + x] {
                        rest[y * size.width + x] = false
                        pixels.append(y * size.width + x)
                    }
                }
                next += 1
            }
            return (pixels, rows.count * columns.count)
        }
    }
}
