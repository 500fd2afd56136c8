import TensorCore

/// Sizes between the input and the networks (docs/algorithm.md section 0).
public enum WorkingSize {
    /// The size at which an image is edited: its longer side becomes `native`, each side a multiple of `multiple`,
    /// halves up, in integers.
    public static func of(_ image: Size, native: Int, multiple: Int) -> Size {
        let longer = image.longerSide
        func near(_ side: Int) -> Int {
            max(multiple, (2 * side * native + longer * multiple) / (2 * longer * multiple) * multiple)
        }
        return Size(height: near(image.height), width: near(image.width))
    }
}

/// Where an edit may change the image: one value per pixel, true inside.
public struct EditMask: Sendable, Equatable {
    /// Of the input image.
    public let size: Size
    /// Row by row.
    public let values: [Bool]

    /// A mask of `height·width` values.
    public init(size: Size, values: [Bool]) {
        precondition(values.count == size.height * size.width, "mask of \(values.count) values for \(size)")
        self.size = size
        self.values = values
    }

    /// A mask of some cells and their neighbours: what a decoder draws from a cell reaches into the cells beside it.
    init(cells: [Int], of size: Size) {
        var values = Array(repeating: false, count: size.height * size.width)
        for cell in cells {
            let (row, column) = (cell / size.width, cell % size.width)
            for y in max(0, row - 1)...min(size.height - 1, row + 1) {
                for x in max(0, column - 1)...min(size.width - 1, column + 1) {
                    values[y * size.width + x] = true
                }
            }
        }
        self.init(size: size, values: values)
    }

    /// Resized by nearest neighbours, source index ⌊i·in/out⌋.
    public func resized(to target: Size) -> EditMask {
        var out: [Bool] = []
        out.reserveCapacity(target.height * target.width)
        for row in 0..<target.height {
            let line = row * size.height / target.height * size.width
            for column in 0..<target.width { out.append(values[line + column * size.width / target.width]) }
        }
        return EditMask(size: target, values: out)
    }

    /// Whether nothing may change.
    public var isEmpty: Bool { !values.contains(true) }

    /// A drag's surroundings: a disc around its middle, radius 1.5 · its length and a margin.
    struct Disc: Sendable {
        let middle: ImagePoint
        let radius: Double

        /// In pixels of the input.
        init(around drag: Drag, size: Size) {
            middle = ImagePoint(
                x: (drag.handle.x + drag.target.x) / 2, y: (drag.handle.y + drag.target.y) / 2)
            radius = 1.5 * drag.handle.distance(to: drag.target) + margin(size)
        }

        func contains(_ x: Double, _ y: Double) -> Bool {
            (middle.x - x) * (middle.x - x) + (middle.y - y) * (middle.y - y) <= radius * radius
        }
    }

    /// What is left around a drag of any length: 14/128 of the longer side.
    static func margin(_ size: Size) -> Double { 14.0 / 128 * Double(size.longerSide) }

    /// The surroundings of drags (`auto_mask`), with their regions.
    public static func around(_ drags: [Drag], size: Size) -> EditMask {
        let discs = drags.map { Disc(around: $0, size: size) }
        let surroundings = EditMask(
            size: size,
            values: (0..<size.height * size.width).map { i in
                let (x, y) = (Double(i % size.width), Double(i / size.width))
                return discs.contains { $0.contains(x, y) }
            })
        return surroundings.union(drags.compactMap(\.regions).flatMap { [$0.from, $0.to] })
    }

    /// What lies in this mask or in one of others of its size.
    public func union(_ others: [EditMask]) -> EditMask {
        EditMask(
            size: size, values: values.indices.map { i in values[i] || others.contains { $0.values[i] } })
    }

    /// How many values are inside.
    public var count: Int { values.count { $0 } }
}
