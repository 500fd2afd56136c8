import DragEditing

/// The part of a picture on which an edit works: a rectangle in pixels of the upright picture.
///
/// The model sees the region alone, at its own resolution. The rest of the picture keeps its pixels.
public struct EditRegion: Sendable, Equatable {
    /// The choice of the part of the picture (`region` in a spec).
    public enum Choice: Sendable, Equatable {
        /// The surroundings of drags and mask; the whole picture for an edit by text without either.
        case auto
        /// The whole picture.
        case whole
        /// A rectangle, in pixels of the upright picture.
        case rectangle(EditRegion)
    }

    /// Column of the left edge.
    public var x: Int
    /// Row of the upper edge.
    public var y: Int
    /// Columns and rows.
    public var size: Size

    /// The rectangle of `width` columns and `height` rows whose upper left corner is (`x`, `y`).
    public init(x: Int, y: Int, width: Int, height: Int) {
        (self.x, self.y) = (x, y)
        size = Size(height: height, width: width)
    }

    /// The whole of a picture.
    public init(whole picture: Size) {
        self.init(x: 0, y: 0, width: picture.width, height: picture.height)
    }

    /// Whether a point of the picture lies inside.
    public func contains(_ point: ImagePoint) -> Bool {
        point.x >= Double(x) && point.y >= Double(y) && point.x < Double(x + size.width)
            && point.y < Double(y + size.height)
    }

    /// A point of the picture in the region's own pixels.
    public func local(_ point: ImagePoint) -> ImagePoint {
        ImagePoint(x: point.x - Double(x), y: point.y - Double(y))
    }

    /// The region's part of a mask.
    public func cropped(_ mask: EditMask) -> EditMask {
        EditMask(
            size: size,
            values: (0..<size.height).flatMap { row in
                let start = (y + row) * mask.size.width + x
                return mask.values[start..<start + size.width]
            })
    }

    /// A mask of the region as a mask of the whole picture. Outside the region nothing may change.
    public func embedded(_ mask: EditMask, in picture: Size) -> EditMask {
        var values = [Bool](repeating: false, count: picture.height * picture.width)
        for row in 0..<size.height {
            let start = (y + row) * picture.width + x
            values.replaceSubrange(
                start..<start + size.width, with: mask.values[row * size.width..<(row + 1) * size.width])
        }
        return EditMask(size: picture, values: values)
    }

    /// The region of a choice.
    ///
    /// The automatic region is the bounding box of the mask and of a disc around each drag (radius 1.5 of its length), with
    /// `padding` of its longer side added on every side. Neither of its sides is shorter than the model's native side, so the
    /// model never gets an enlarged region, unless the picture itself is smaller.
    ///
    /// - Parameters:
    ///   - native: longer side of the model's own pictures, pixels.
    ///   - padding: part of the box's longer side, at least 0.
    public init(
        _ choice: Choice, drags: [Drag], mask: EditMask?, picture: Size, native: Int, padding: Double
    ) {
        switch choice {
        case .whole: self.init(whole: picture)
        case .rectangle(let region): self = region
        case .auto: self.init(around: drags, mask, picture: picture, native: native, padding: padding)
        }
    }

    private init(around drags: [Drag], _ mask: EditMask?, picture: Size, native: Int, padding: Double) {
        var box = Box()
        for drag in drags {
            let radius = 1.5 * drag.handle.distance(to: drag.target)
            let (x, y) = (
                (drag.handle.x + drag.target.x) / 2, (drag.handle.y + drag.target.y) / 2
            )
            box.include(x - radius, y - radius)
            box.include(x + radius, y + radius)
        }
        if let mask {
            for (row, columns) in mask.insideRows() {
                box.include(Double(columns.lowerBound), Double(row))
                box.include(Double(columns.upperBound), Double(row + 1))
            }
        }
        guard box.isFilled else {
            self.init(whole: picture)
            return
        }
        let pad = padding * max(box.right - box.left, box.bottom - box.top)
        let (x, width) = Self.span(box.left - pad, box.right + pad, least: native, within: picture.width)
        let (y, height) = Self.span(box.top - pad, box.bottom + pad, least: native, within: picture.height)
        self.init(x: x, y: y, width: width, height: height)
    }

    /// A span of at least `least` pixels around the given one, moved and cut to fit into the picture.
    private static func span(_ low: Double, _ high: Double, least: Int, within side: Int) -> (Int, Int) {
        let length = min(side, max(least, Int((high - low).rounded(.up))))
        let start = Int(((low + high - Double(length)) / 2).rounded(.down))
        return (min(max(0, start), side - length), length)
    }

    private struct Box {
        var left = Double.infinity
        var top = Double.infinity
        var right = -Double.infinity
        var bottom = -Double.infinity
        var isFilled: Bool { left <= right }

        mutating func include(_ x: Double, _ y: Double) {
            (left, right) = (min(left, x), max(right, x))
            (top, bottom) = (min(top, y), max(bottom, y))
        }
    }
}

extension EditMask {
    /// Every row with a pixel inside, with the range of columns from the first such pixel to the last.
    fileprivate func insideRows() -> [(Int, Range<Int>)] {
        (0..<size.height).compactMap { row in
            let line = values[row * size.width..<(row + 1) * size.width]
            guard let first = line.firstIndex(of: true), let last = line.lastIndex(of: true) else {
                return nil
            }
            return (row, first - line.startIndex..<last - line.startIndex + 1)
        }
    }
}
