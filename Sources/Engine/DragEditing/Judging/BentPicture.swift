import Foundation
import TensorCore

/// A picture bent as its drags may bend it: content in it that looks like a result's is whole, however rigid patches differ.
struct BentPicture {
    /// `(1, h, w, 3)`.
    let picture: Tensor
    /// The pixel of the straight picture that each pixel comes from, row · width + column.
    let origins: [Int]

    private init(_ picture: Tensor, places: [SIMD2<Float>]) {
        let width = picture.shape[2]
        self.picture = picture.sampled(at: places)
        origins = places.map { Int($0.x.rounded()) * width + Int($0.y.rounded()) }
    }

    /// The picture stretched along its drags, half of their way and all of it, and pressed and drawn out along their axis.
    ///
    /// - Parameters:
    ///   - drags: in the pixels of a picture of the size `image`.
    static func variants(of picture: Tensor, along drags: [Drag], image: Size) -> [BentPicture] {
        guard !drags.isEmpty else { return [] }
        let size = Size(height: picture.shape[1], width: picture.shape[2])
        let stretched = [0.5, 1].map { part in
            DragWarp(drags, part: part, of: picture, image: image, mask: nil, grid: size).origins(size)
        }
        let scaled = [0.8, 1.25].map { DragAxis(drags, image: image, in: size).origins(scale: $0, size) }
        return (stretched + scaled).map { BentPicture(picture, places: $0) }
    }
}

/// The axis along which drags pull most, through the middle of them all.
private struct DragAxis {
    private let middle, direction: SIMD2<Float>

    /// - Parameters:
    ///   - image: the size that the drags' pixels belong to.
    ///   - size: the size of the picture that the axis is for.
    init(_ drags: [Drag], image: Size, in size: Size) {
        let scale = SIMD2(
            Double(size.height) / Double(image.height), Double(size.width) / Double(image.width))
        func place(_ point: ImagePoint) -> SIMD2<Double> { SIMD2(point.y, point.x) * scale }
        let middle = drags.reduce(SIMD2<Double>()) { $0 + (place($1.handle) + place($1.target)) / 2 }
        // Doubled angles: two drags away from each other pull along one axis.
        let doubled = drags.reduce(SIMD2<Double>()) { sum, drag in
            let way = place(drag.target) - place(drag.handle)
            return sum + SIMD2(way.x * way.x - way.y * way.y, 2 * way.x * way.y)
        }
        let angle = atan2(doubled.y, doubled.x) / 2
        self.middle = SIMD2<Float>(middle / Double(drags.count))
        direction = SIMD2<Float>(Float(cos(angle)), Float(sin(angle)))
    }

    /// Where each pixel's content comes from when the picture is scaled along the axis.
    func origins(scale: Float, _ size: Size) -> [SIMD2<Float>] {
        let most = SIMD2(Float(size.height - 1), Float(size.width - 1))
        return (0..<size.height * size.width).map { i in
            let place = SIMD2(Float(i / size.width), Float(i % size.width))
            let along = ((place - middle) * direction).sum()
            return (place + along * (1 / scale - 1) * direction).clamped(lowerBound: .zero, upperBound: most)
        }
    }
}
