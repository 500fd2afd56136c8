import TensorCore

/// A picture stretched along its drags, before the drag itself (setting `warp`; ours). `DragField` has the formula.
///
/// Lengths are pixels of the input.
public struct DragWarp: Sendable {
    private let image: Size
    /// Where each handle's content goes.
    public let goals: [ImagePoint]
    /// Where content comes from, as (rows, columns) of the input from each cell of a grid: `(1, h, w, 2)`.
    let field: Tensor

    /// - Parameters:
    ///   - part: of each drag, 0…1.
    ///   - image: the input's size.
    ///   - mask: what may move, on the field's grid; nil: the drags' surroundings alone bound the shift.
    ///   - grid: the field's rows and columns; between its cells the field is bilinear.
    public init(_ drags: [Drag], part: Double, image: Size, mask: EditMask?, grid: Size) {
        precondition(mask.map { $0.size == grid } ?? true, "a mask of another size than the field")
        self.image = image
        let everywhere = EditMask(
            size: grid, values: Array(repeating: false, count: grid.height * grid.width))
        let pulling = DragField(
            drags, places: everywhere.held(in: image).cells, image: image,
            held: mask.map { $0.held(in: image) } ?? ([], 0))
        goals = pulling.pulls.map { pull in
            let (handle, target) = (pull.drag.handle, pull.drag.target)
            let length = handle.distance(to: target)
            let kept = length > 0 ? min(part, pull.most / length) : 0
            return ImagePoint(
                x: handle.x + kept * (target.x - handle.x), y: handle.y + kept * (target.y - handle.y))
        }
        field = Tensor(
            [1, grid.height, grid.width, 2],
            pulling.shifts(goals).flatMap { [Float(-$0.y), Float(-$0.x)] })
    }

    /// The picture, `(1, h, w, channels)` at any size, with its content shifted; bilinear, and at the border the border's values.
    public func warped(_ picture: Tensor) -> Tensor {
        picture.sampled(at: origins(Size(height: picture.shape[1], width: picture.shape[2])))
    }

    /// Where the content of each pixel comes from, as (row, column) of the picture at a size; row by row.
    func origins(_ size: Size) -> [SIMD2<Float>] {
        let scale = SIMD2(
            Float(size.height) / Float(image.height), Float(size.width) / Float(image.width))
        let most = SIMD2(Float(size.height - 1), Float(size.width - 1))
        let offsets = apply(Resize(height: size.height, width: size.width, .bilinear), Variable(field)).value
            .values
        return (0..<size.height * size.width).map { i in
            let place = SIMD2(Float(i / size.width), Float(i % size.width))
            let offset = SIMD2(offsets[2 * i], offsets[2 * i + 1])
            return (place + offset * scale).clamped(lowerBound: .zero, upperBound: most)
        }
    }
}

extension Tensor {
    /// A picture of this one's shape, `(1, h, w, channels)`: at each pixel the bilinear value at a place (row, column) of this one.
    ///
    /// - Parameter places: row by row, inside the picture.
    func sampled(at places: [SIMD2<Float>]) -> Tensor {
        let (h, w, channels) = (shape[1], shape[2], shape[3])
        return Tensor(shape) { out in
            withUnsafeValues { from in
                for (i, place) in places.enumerated() {
                    let (top, left) = (Int(place.x), Int(place.y))
                    let (below, right) = (min(top + 1, h - 1), min(left + 1, w - 1))
                    let (down, across) = (place.x - Float(top), place.y - Float(left))
                    for c in 0..<channels {
                        func value(_ row: Int, _ column: Int) -> Float {
                            from[(row * w + column) * channels + c]
                        }
                        let upper = value(top, left) + across * (value(top, right) - value(top, left))
                        let lower = value(below, left) + across * (value(below, right) - value(below, left))
                        out[i * channels + c] = upper + down * (lower - upper)
                    }
                }
            }
        }
    }
}
