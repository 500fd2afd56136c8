import DragEditing

/// Samples of a rectangle in [0, 1], `channels` per pixel, row by row.
struct Plane: Sendable {
    let size: Size
    let channels: Int
    var values: [Float]

    init(_ size: Size, channels: Int, values: [Float]) {
        precondition(values.count == size.height * size.width * channels)
        (self.size, self.channels, self.values) = (size, channels, values)
    }

    /// The first sample of the pixel nearest to (`row`, `column`), clamped to the rectangle.
    private func index(_ row: Int, _ column: Int) -> Int {
        (min(max(row, 0), size.height - 1) * size.width + min(max(column, 0), size.width - 1)) * channels
    }

    /// The value of a channel between four pixels. Beyond the border it uses the border's values.
    func bilinear(_ row: Float, _ column: Float, _ channel: Int) -> Float {
        let (top, left) = (row.rounded(.down), column.rounded(.down))
        let (down, across) = (row - top, column - left)
        let (y, x) = (Int(top), Int(left))
        let upper = mix(values[index(y, x) + channel], values[index(y, x + 1) + channel], across)
        let lower = mix(values[index(y + 1, x) + channel], values[index(y + 1, x + 1) + channel], across)
        return mix(upper, lower, down)
    }

    /// The value of a channel by Catmull and Rom's cubic, which keeps edges sharp. At a pixel it is that pixel's own value.
    func bicubic(_ row: Float, _ column: Float, _ channel: Int) -> Float {
        let (top, left) = (row.rounded(.down), column.rounded(.down))
        let (y, x) = (Int(top), Int(left))
        guard top != row || left != column else { return values[index(y, x) + channel] }
        let (down, across) = (cubicWeights(row - top), cubicWeights(column - left))
        var sum: Float = 0
        for i in 0..<4 {
            var line: Float = 0
            for j in 0..<4 { line += across[j] * values[index(y + i - 1, x + j - 1) + channel] }
            sum += down[i] * line
        }
        return sum
    }
}

private func mix(_ a: Float, _ b: Float, _ part: Float) -> Float { a + part * (b - a) }

/// Weights of the four neighbours of a place at the distance `t` after the second.
private func cubicWeights(_ t: Float) -> SIMD4<Float> {
    let (t2, t3) = (t * t, t * t * t)
    return SIMD4(
        -0.5 * t3 + t2 - 0.5 * t, 1.5 * t3 - 2.5 * t2 + 1, -1.5 * t3 + 2 * t2 + 0.5 * t, 0.5 * t3 - 0.5 * t2)
}

/// A rise from 0 at `low` to 1 at `high` with a level start and end.
func smoothStep(_ value: Float, from low: Float, to high: Float) -> Float {
    let t = min(max((value - low) / (high - low), 0), 1)
    return t * t * (3 - 2 * t)
}
