import TensorCore

/// Views of a picture: the whole and nine tenths of it at each corner, the same mirrored, and the whole without its finest detail.
enum PictureViews {
    static func of(_ picture: Tensor) -> [Tensor] {
        let (height, width) = (picture.shape[1], picture.shape[2])
        let (rows, columns) = (height * 9 / 10, width * 9 / 10)
        let windows =
            [(0..<height, 0..<width)]
            + [(0, 0), (height - rows, 0), (0, width - columns), (height - rows, width - columns)].map {
                ($0..<$0 + rows, $1..<$1 + columns)
            }
        let coarse = picture.resizedAntialiased(height: max(1, height / 2), width: max(1, width / 2))
        return [false, true].flatMap { mirrored in
            windows.map { picture.window(rows: $0, columns: $1, mirrored: mirrored) }
                + [coarse.window(rows: 0..<coarse.shape[1], columns: 0..<coarse.shape[2], mirrored: mirrored)]
        }
    }
}

extension Tensor {
    /// A part of a picture `(1, h, w, c)`, mirrored if asked for.
    fileprivate func window(rows: Range<Int>, columns: Range<Int>, mirrored: Bool) -> Tensor {
        let (width, channels) = (shape[2], shape[3])
        return Tensor([1, rows.count, columns.count, channels]) { out in
            withUnsafeValues { from in
                for (i, row) in rows.enumerated() {
                    for j in 0..<columns.count {
                        let column = mirrored ? columns.upperBound - 1 - j : columns.lowerBound + j
                        for c in 0..<channels {
                            out[(i * columns.count + j) * channels + c] =
                                from[(row * width + column) * channels + c]
                        }
                    }
                }
            }
        }
    }
}
