import Foundation
import Settings

/// A point of the upright input image, in pixels, origin top left.
public struct ImagePoint: Sendable, Equatable, Codable {
    /// Pixels from the left.
    public var x: Double
    /// Pixels from the top.
    public var y: Double

    /// The point `(x, y)`.
    public init(x: Double, y: Double) {
        self.x = x
        self.y = y
    }

    /// Pixels between two points.
    public func distance(to other: ImagePoint) -> Double { hypot(x - other.x, y - other.y) }

    /// The point of a picture of one size in the pixels of the same picture at another size.
    func scaled(from image: Size, to size: Size) -> ImagePoint {
        ImagePoint(
            x: (x + 0.5) * Double(size.width) / Double(image.width) - 0.5,
            y: (y + 0.5) * Double(size.height) / Double(image.height) - 0.5)
    }
}

/// One instruction: the content at `handle` is to move to `target`.
public struct Drag: Sendable, Equatable {
    /// Where the content is.
    public var handle: ImagePoint
    /// Where it shall be.
    public var target: ImagePoint
    /// The regions whose middles `handle` and `target` are; nil for a drag of points.
    public var regions: RegionPair?

    /// A drag from `handle` to `target`.
    public init(from handle: ImagePoint, to target: ImagePoint, regions: RegionPair? = nil) {
        self.handle = handle
        self.target = target
        self.regions = regions
    }

    /// Pixels between a point and the nearest point of the way from handle to target.
    func distance(to point: ImagePoint) -> Double {
        let way = SIMD2(target.x - handle.x, target.y - handle.y)
        let offset = SIMD2(point.x - handle.x, point.y - handle.y)
        let along = min(max((offset * way).sum() / max((way * way).sum(), 1e-12), 0), 1)
        let rest = offset - along * way
        return (rest * rest).sum().squareRoot()
    }
}

/// A region whose content is to fill another one.
public struct RegionPair: Sendable, Equatable {
    /// Where the content is, and where it shall be; of one size.
    public var from, to: EditMask

    /// The content of `from` goes to `to`.
    public init(from: EditMask, to: EditMask) {
        self.from = from
        self.to = to
    }

    /// Discs around a drag's two points, for a method of regions on drags of points. The radius is 5/64 of the picture's longer
    /// side, as large as what SDE-Drag copies.
    public init(discsAround drag: Drag, size: Size) {
        let radius = max(1, 5.0 / 64 * Double(size.longerSide))
        func disc(_ middle: ImagePoint) -> EditMask {
            EditMask(
                size: size,
                values: (0..<size.height * size.width).map { i in
                    let pixel = ImagePoint(x: Double(i % size.width), y: Double(i / size.width))
                    return pixel.distance(to: middle) <= radius
                })
        }
        self.init(from: disc(drag.handle), to: disc(drag.target))
    }

    /// Both resized by nearest neighbours.
    public func resized(to size: Size) -> RegionPair {
        RegionPair(from: from.resized(to: size), to: to.resized(to: size))
    }
}

/// A height and a width.
public struct Size: Sendable, Equatable, Codable {
    /// Rows.
    public var height: Int
    /// Columns.
    public var width: Int

    /// `height` rows of `width`.
    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }

    /// The longer side.
    public var longerSide: Int { max(height, width) }

    /// The size at which pictures are compared and searched: at most 128 pixels, no side below 8.
    var small: Size {
        let scale = min(1, 128 / Double(longerSide))
        func side(_ side: Int) -> Int { max(8, Int((scale * Double(side)).rounded())) }
        return Size(height: side(height), width: side(width))
    }
}

/// A cell of the feature grid.
public struct GridCell: Sendable, Equatable, Hashable, Codable {
    /// From the top.
    public var row: Int
    /// From the left.
    public var column: Int

    /// The cell at `row` and `column`.
    public init(row: Int, column: Int) {
        self.row = row
        self.column = column
    }

    /// Cells between two cells' middles.
    public func distance(to other: GridCell) -> Double {
        hypot(Double(row - other.row), Double(column - other.column))
    }

    /// Squared distance, exact.
    func squaredDistance(to other: GridCell) -> Int {
        (row - other.row) * (row - other.row) + (column - other.column) * (column - other.column)
    }
}

/// A handle point on its way to its target point.
public struct HandlePoint: Sendable, Equatable, Codable {
    /// Where it is, where it began, and where it is to arrive.
    public var position, start, target: GridCell

    /// A handle point at `position`.
    public init(position: GridCell, start: GridCell, target: GridCell) {
        self.position = position
        self.start = start
        self.target = target
    }
}

extension HandlePoint {
    /// A drag's handle point at its start.
    public init(_ drag: Drag, on grid: FeatureGrid) {
        let start = grid.cell(of: drag.handle)
        self.init(position: start, start: start, target: grid.cell(of: drag.target))
    }
}

/// The grid on which features are compared: half the working size (docs/algorithm.md section 0).
public struct FeatureGrid: Sendable, Equatable, Codable {
    /// Rows and columns.
    public let size: Size
    /// The input image, in pixels.
    public let image: Size
    /// The place of the input in the picture to which points refer: (0, 0), except for a region of a picture.
    public var origin = ImagePoint(x: 0, y: 0)

    /// The grid for an input of the given size, edited at a working size.
    public init(working: Size, image: Size) {
        size = Size(height: working.height / 2, width: working.width / 2)
        self.image = image
    }

    /// The cell of a point of the input image: scaled, halves rounded to even, clamped into the grid.
    public func cell(of point: ImagePoint) -> GridCell {
        func index(_ value: Double, _ from: Int, _ to: Int) -> Int {
            let scaled = (value * Double(to) / Double(from)).rounded(.toNearestOrEven)
            return Int(min(max(scaled, 0), Double(to - 1)))
        }
        return GridCell(
            row: index(point.y - origin.y, image.height, size.height),
            column: index(point.x - origin.x, image.width, size.width))
    }

    /// The point of the input image that a cell stands for.
    public func point(of cell: GridCell) -> ImagePoint {
        ImagePoint(
            x: origin.x + Double(cell.column) * Double(image.width) / Double(size.width),
            y: origin.y + Double(cell.row) * Double(image.height) / Double(size.height))
    }

    /// Input pixels per cell, the mean of both axes.
    public var pixelsPerCell: Double {
        (Double(image.width) / Double(size.width) + Double(image.height) / Double(size.height)) / 2
    }
}
