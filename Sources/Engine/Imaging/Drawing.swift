import Foundation

/// A colour of three samples in [0, 1].
public struct Colour: Sendable, Equatable {
    let red, green, blue: Double

    /// Handles.
    public static let handle = Colour(red: 0.9, green: 0.1, blue: 0.15)
    /// Targets.
    public static let target = Colour(red: 0.1, green: 0.35, blue: 0.95)
    /// Paths of handles.
    public static let path = Colour(red: 1, green: 0.85, blue: 0.1)
    /// The part of a path that the stretch did.
    public static let stretch = Colour(red: 0.1, green: 0.75, blue: 0.35)
    /// Outlines, which make marks visible on any background.
    public static let outline = Colour(red: 1, green: 1, blue: 1)

    subscript(channel: Int) -> Double { [red, green, blue][channel] }
}

/// Marks drawn on pictures: anti-aliased discs and lines.
extension Image {
    /// The width of a clearly visible line on a picture of this size, pixels.
    public var strokeWidth: Double { max(1, Double(max(width, height)) / 170) }

    /// A disc around a point, with an outline.
    public mutating func drawDisc(x: Double, y: Double, radius: Double, _ colour: Colour) {
        let outer = radius + strokeWidth / 2
        paint(x - outer - 1, y - outer - 1, x + outer + 1, y + outer + 1, .outline) {
            hypot($0 - x, $1 - y) - outer
        }
        paint(x - radius - 1, y - radius - 1, x + radius + 1, y + radius + 1, colour) {
            hypot($0 - x, $1 - y) - radius
        }
    }

    /// A straight line.
    public mutating func drawLine(
        from a: (x: Double, y: Double), to b: (x: Double, y: Double), width: Double, _ colour: Colour
    ) {
        let (dx, dy) = (b.x - a.x, b.y - a.y)
        let length = dx * dx + dy * dy
        paint(
            min(a.x, b.x) - width, min(a.y, b.y) - width, max(a.x, b.x) + width, max(a.y, b.y) + width, colour
        ) { x, y in
            let t = length == 0 ? 0 : min(max(((x - a.x) * dx + (y - a.y) * dy) / length, 0), 1)
            return hypot(x - a.x - t * dx, y - a.y - t * dy) - width / 2
        }
    }

    /// Mixes a colour in wherever a signed distance is below half a pixel.
    mutating func paint(
        _ x0: Double, _ y0: Double, _ x1: Double, _ y1: Double, _ colour: Colour,
        _ distance: (Double, Double) -> Double
    ) {
        let (left, right) = (max(0, Int(x0)), min(width, Int(x1) + 2))
        let (top, bottom) = (max(0, Int(y0)), min(height, Int(y1) + 2))
        guard left < right, top < bottom else { return }
        for y in top..<bottom {
            for x in left..<right {
                let cover = min(max(0.5 - distance(Double(x), Double(y)), 0), 1)
                if cover == 0 { continue }
                let i = y * width + x
                for c in 0..<3 {
                    let mixed = (1 - cover) * Double(samples[3 * i + c]) + cover * colour[c] * Double(maximum)
                    samples[3 * i + c] = UInt16(mixed.rounded())
                }
                let opacity = UInt16((cover * Double(maximum)).rounded())
                if let before = alpha?[i], before < opacity { alpha?[i] = opacity }
            }
        }
    }

    /// Draws the rim of a region of `width·height` values: its pixels within a stroke of a pixel outside.
    public mutating func outline(_ region: [Bool], _ colour: Colour) {
        let reach = max(1, Int((strokeWidth / 2).rounded()))
        let (width, height, maximum) = (width, height, maximum)
        for y in 0..<height {
            for x in 0..<width where region[y * width + x] {
                let isRim = (max(0, y - reach)...min(height - 1, y + reach)).contains { row in
                    (max(0, x - reach)...min(width - 1, x + reach)).contains { !region[row * width + $0] }
                }
                guard isRim else { continue }
                for c in 0..<3 {
                    samples[3 * (y * width + x) + c] = UInt16((colour[c] * Double(maximum)).rounded())
                }
                alpha?[y * width + x] = maximum
            }
        }
    }

    /// Lightly greys the pixels outside a mask of `width·height` values.
    public mutating func dim(outside mask: [Bool]) {
        for i in mask.indices where !mask[i] {
            for c in 0..<3 {
                samples[3 * i + c] = UInt16(
                    (Double(samples[3 * i + c]) * 0.6 + Double(maximum) * 0.2).rounded())
            }
        }
    }

    /// Pictures of equal height side by side, with a white gap and the first one's colour tags.
    public static func sideBySide(_ images: [Image]) -> Image {
        precondition(!images.isEmpty, "nothing to put side by side")
        let height = images.map(\.height).max() ?? 0
        let gap = max(2, height / 60)
        let width = images.reduce(0) { $0 + $1.width } + gap * (images.count - 1)
        let depth = images[0].depth
        var samples = [UInt16](repeating: depth == 16 ? 65535 : 255, count: width * height * 3)
        var left = 0
        for image in images {
            for y in 0..<image.height {
                let row = image.samples[3 * y * image.width..<3 * (y + 1) * image.width]
                samples.replaceSubrange(
                    3 * (y * width + left)..<3 * (y * width + left + image.width), with: row)
            }
            left += image.width + gap
        }
        return Image(
            width: width, height: height, depth: depth, samples: samples, colours: images[0].colours,
            density: images[0].density)
    }
}
