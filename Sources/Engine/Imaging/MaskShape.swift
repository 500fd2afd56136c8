/// A region of a picture, in its pixels, as in a spec's `mask`.
public enum MaskShape: Sendable, Equatable {
    /// Left, top, width, height.
    case rectangle(x: Double, y: Double, width: Double, height: Double)
    /// Middle and radius.
    case circle(x: Double, y: Double, radius: Double)
    /// Corners; inside by the even-odd rule.
    case polygon([(x: Double, y: Double)])

    /// Shapes are equal when their numbers are equal.
    public static func == (a: MaskShape, b: MaskShape) -> Bool {
        switch (a, b) {
        case (.rectangle(let x, let y, let w, let h), .rectangle(let x2, let y2, let w2, let h2)):
            return (x, y, w, h) == (x2, y2, w2, h2)
        case (.circle(let x, let y, let r), .circle(let x2, let y2, let r2)): return (x, y, r) == (x2, y2, r2)
        case (.polygon(let a), .polygon(let b)): return a.elementsEqual(b) { $0 == $1 }
        default: return false
        }
    }

    /// Whether a pixel's middle lies inside.
    func contains(column: Int, row: Int) -> Bool {
        let (px, py) = (Double(column) + 0.5, Double(row) + 0.5)
        switch self {
        case .rectangle(let x, let y, let width, let height):
            return px >= x && px < x + width && py >= y && py < y + height
        case .circle(let x, let y, let radius):
            return (px - x) * (px - x) + (py - y) * (py - y) <= radius * radius
        case .polygon(let corners):
            var inside = false
            var j = corners.count - 1
            for i in corners.indices {
                let (a, b) = (corners[i], corners[j])
                if (a.y > py) != (b.y > py), px < (b.x - a.x) * (py - a.y) / (b.y - a.y) + a.x {
                    inside.toggle()
                }
                j = i
            }
            return inside
        }
    }

    /// Pixels inside any of the shapes, row by row.
    public static func union(_ shapes: [MaskShape], width: Int, height: Int) -> [Bool] {
        (0..<width * height).map { i in shapes.contains { $0.contains(column: i % width, row: i / width) } }
    }
}
