import Foundation

extension Colour {
    /// The rim of what may change.
    public static let rim = Colour(red: 0.05, green: 0.75, blue: 0.35)
    /// The part of the picture that is edited.
    public static let frame = Colour(red: 0.95, green: 0.5, blue: 0)
    /// What sets a mark off from a bright ground.
    public static let shade = Colour(red: 0, green: 0, blue: 0)
}

/// Marks that explain a picture: arrows, numbers, frames and rims.
extension Image {
    /// An arrow with an outline.
    public mutating func drawArrow(
        from a: (x: Double, y: Double), to b: (x: Double, y: Double), width: Double, _ colour: Colour
    ) {
        let length = hypot(b.x - a.x, b.y - a.y)
        guard length > 0 else { return }
        let along = (x: (b.x - a.x) / length, y: (b.y - a.y) / length)
        let head = min(5 * width, length)
        let barbs = [1.0, -1.0].map { side in
            (
                x: b.x - head * (along.x + 0.55 * side * along.y),
                y: b.y - head * (along.y - 0.55 * side * along.x)
            )
        }
        for (thickness, paint) in [(2 * width, Colour.outline), (width, colour)] {
            drawLongLine(from: a, to: b, width: thickness, paint)
            for barb in barbs { drawLine(from: barb, to: b, width: thickness, paint) }
        }
    }

    /// A straight line in short pieces: the cost grows with its length, and not with the area of its bounding box.
    private mutating func drawLongLine(
        from a: (x: Double, y: Double), to b: (x: Double, y: Double), width: Double, _ colour: Colour
    ) {
        let pieces = max(1, Int(hypot(b.x - a.x, b.y - a.y) / 48))
        func point(_ i: Int) -> (x: Double, y: Double) {
            let t = Double(i) / Double(pieces)
            return (a.x + t * (b.x - a.x), a.y + t * (b.y - a.y))
        }
        for i in 0..<pieces { drawLine(from: point(i), to: point(i + 1), width: width, colour) }
    }

    /// A dashed rectangle around columns `x..<x + width` and rows `y..<y + height`.
    public mutating func drawFrame(x: Int, y: Int, width: Int, height: Int, _ colour: Colour) {
        let stroke = max(1, Int(strokeWidth.rounded()))
        let dash = 6 * stroke
        func dashed(_ length: Int, _ place: (Int, Int) -> (Int, Int)) {
            for i in 0..<length {
                let paint = i / dash % 2 == 0 ? colour : .outline
                for depth in 0..<stroke {
                    let (column, row) = place(i, depth)
                    set(column, row, paint)
                }
            }
        }
        dashed(width) { (x + $0, y + $1) }
        dashed(width) { (x + $0, y + height - 1 - $1) }
        dashed(height) { (x + $1, y + $0) }
        dashed(height) { (x + width - 1 - $1, y + $0) }
    }

    /// The rim of a mask of `width·height` values: those of its pixels that have a neighbour outside it.
    public mutating func drawRim(of mask: [Bool], _ colour: Colour) {
        let reach = max(1, Int((strokeWidth / 2).rounded()))
        for row in 0..<height {
            for column in 0..<width where mask[row * width + column] {
                let neighbours = [(-reach, 0), (reach, 0), (0, -reach), (0, reach)]
                let isRim = neighbours.contains { across, down in
                    let (c, r) = (column + across, row + down)
                    return c >= 0 && r >= 0 && c < width && r < height && !mask[r * width + c]
                }
                if isRim { set(column, row, colour) }
            }
        }
    }

    /// A whole number, white with a dark rim, its left upper corner at a point.
    public mutating func drawNumber(_ number: Int, x: Double, y: Double) {
        let dot = max(1, strokeWidth * 0.6)
        for (i, digit) in String(number).compactMap(\.wholeNumberValue).enumerated() {
            let left = x + Double(i) * 4 * dot
            for (colour, growth) in [(Colour.shade, dot), (.outline, 0)] {
                for (row, bits) in Self.digits[digit].enumerated() {
                    for column in 0..<3 where bits >> (2 - column) & 1 == 1 {
                        fill(
                            left + Double(column) * dot - growth, y + Double(row) * dot - growth,
                            dot + 2 * growth, colour)
                    }
                }
            }
        }
    }

    /// Digits of three by five dots, a row in three bits.
    private static let digits: [[UInt8]] = [
        [7, 5, 5, 5, 7], [2, 6, 2, 2, 7], [7, 1, 7, 4, 7], [7, 1, 3, 1, 7], [5, 5, 7, 1, 1],
        [7, 4, 7, 1, 7], [7, 4, 7, 5, 7], [7, 1, 2, 2, 2], [7, 5, 7, 5, 7], [7, 5, 7, 1, 7],
    ]

    private mutating func fill(_ x: Double, _ y: Double, _ side: Double, _ colour: Colour) {
        for row in Int(y.rounded())..<max(Int(y.rounded()) + 1, Int((y + side).rounded())) {
            for column in Int(x.rounded())..<max(Int(x.rounded()) + 1, Int((x + side).rounded())) {
                set(column, row, colour)
            }
        }
    }

    /// Gives a pixel a colour; one outside the picture is none.
    private mutating func set(_ column: Int, _ row: Int, _ colour: Colour) {
        guard column >= 0, row >= 0, column < width, row < height else { return }
        let i = row * width + column
        for c in 0..<3 { samples[3 * i + c] = UInt16((colour[c] * Double(maximum)).rounded()) }
        let opaque = maximum
        alpha?[i] = opaque
    }
}
