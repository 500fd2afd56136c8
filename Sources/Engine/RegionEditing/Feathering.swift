import DragEditing

/// The share of the edit at each pixel of a region: 0 on the outermost pixels that may change, 1 further inside.
enum Feathering {
    /// The share of the edit at each pixel, row by row.
    ///
    /// The edit does not fade at the picture's own border, because there is no seam.
    ///
    /// - Parameters:
    ///   - mask: the pixels that may change inside the region; nil: all of them.
    ///   - width: pixels over which the edit fades in.
    static func weights(_ region: EditRegion, in picture: Size, mask: EditMask?, width: Int) -> [Float] {
        let distance = distanceToFixed(region, in: picture, mask: mask)
        return distance.map { smoothStep($0, from: 0, to: Float(width) + 1) }
    }

    /// Pixels from each pixel to the nearest one that keeps its value, by two passes with steps of 1 and √2; 0 there.
    private static func distanceToFixed(_ region: EditRegion, in picture: Size, mask: EditMask?) -> [Float] {
        let (h, w) = (region.size.height, region.size.width)
        let far = Float(4 * (h + w))
        var distance = mask.map { $0.values.map { $0 ? far : 0 } } ?? [Float](repeating: far, count: h * w)
        let fixedBeyond = (
            left: region.x > 0, top: region.y > 0, right: region.x + w < picture.width,
            bottom: region.y + h < picture.height
        )
        func at(_ row: Int, _ column: Int) -> Float {
            if row < 0 { return fixedBeyond.top ? 0 : far }
            if row >= h { return fixedBeyond.bottom ? 0 : far }
            if column < 0 { return fixedBeyond.left ? 0 : far }
            if column >= w { return fixedBeyond.right ? 0 : far }
            return distance[row * w + column]
        }
        let diagonal = Float(2).squareRoot()
        func relax(_ row: Int, _ column: Int, _ step: Int) {
            let i = row * w + column
            var best = distance[i]
            best = min(best, at(row, column + step) + 1, at(row + step, column) + 1)
            best = min(best, at(row + step, column - 1) + diagonal, at(row + step, column + 1) + diagonal)
            distance[i] = best
        }
        for row in 0..<h { for column in 0..<w { relax(row, column, -1) } }
        for row in stride(from: h - 1, through: 0, by: -1) {
            for column in stride(from: w - 1, through: 0, by: -1) { relax(row, column, 1) }
        }
        return distance
    }
}
