import TensorCore

/// The views of a picture that CLIP sees for a caption: the whole, and a square of what matters.
///
/// Where the rim has one colour, the square holds all that differs from it. Otherwise it is the middle of the picture, which
/// CLIP models are trained to see; a whole photograph would be squeezed.
enum CaptionViews {
    /// Largest difference in a channel between pixels of one ground.
    private static let tolerance: Float = 0.08
    /// Part of the rim that has the ground's colour where there is a ground.
    private static let groundShare = 0.9
    /// Side of the square, by the longer side of what it holds.
    private static let margin = 1.08

    /// The views of a picture `(1, h, w, 3)`.
    static func of(_ image: Tensor) -> [Tensor] {
        let (height, width) = (image.shape[1], image.shape[2])
        let pixels = image.values
        if let ground = ground(pixels, height, width) {
            guard let box = content(pixels, height, width, ground) else { return [image] }
            let side = Int((Double(max(box.height, box.width)) * margin).rounded(.up))
            return [image, square(pixels, height, width, around: box, side: side, ground: ground)]
        }
        guard height != width else { return [image] }
        let box = Box(row: 0, column: 0, height: height, width: width)
        return [
            image,
            square(pixels, height, width, around: box, side: min(height, width), ground: [0, 0, 0]),
        ]
    }

    private struct Box { var row, column, height, width: Int }

    /// The colour of the rim, where nearly all of it has one.
    private static func ground(_ pixels: [Float], _ height: Int, _ width: Int) -> [Float]? {
        let rim = (0..<height * width).filter { i in
            let (row, column) = (i / width, i % width)
            return row == 0 || row == height - 1 || column == 0 || column == width - 1
        }
        let ground = (0..<3).map { c in
            let sorted = rim.map { pixels[3 * $0 + c] }.sorted()
            return sorted[sorted.count / 2]
        }
        let same = rim.count { !differs(pixels, $0, ground) }
        return Double(same) >= groundShare * Double(rim.count) ? ground : nil
    }

    private static func differs(_ pixels: [Float], _ i: Int, _ ground: [Float]) -> Bool {
        (0..<3).contains { abs(pixels[3 * i + $0] - ground[$0]) > tolerance }
    }

    /// The box around all pixels that differ from the ground; nil where none does.
    private static func content(_ pixels: [Float], _ height: Int, _ width: Int, _ ground: [Float]) -> Box? {
        var (top, bottom, left, right) = (height, -1, width, -1)
        for i in 0..<height * width where differs(pixels, i, ground) {
            (top, bottom) = (min(top, i / width), max(bottom, i / width))
            (left, right) = (min(left, i % width), max(right, i % width))
        }
        guard bottom >= 0 else { return nil }
        return Box(row: top, column: left, height: bottom - top + 1, width: right - left + 1)
    }

    /// A square around the middle of a box; what lies beyond the picture has the ground's colour.
    private static func square(
        _ pixels: [Float], _ height: Int, _ width: Int, around box: Box, side: Int, ground: [Float]
    ) -> Tensor {
        let (top, left) = (box.row + (box.height - side) / 2, box.column + (box.width - side) / 2)
        return Tensor([1, side, side, 3]) { out in
            for row in 0..<side {
                for column in 0..<side {
                    let (y, x) = (top + row, left + column)
                    let isInside = (0..<height).contains(y) && (0..<width).contains(x)
                    for c in 0..<3 {
                        out[3 * (row * side + column) + c] =
                            isInside ? pixels[3 * (y * width + x) + c] : ground[c]
                    }
                }
            }
        }
    }
}
