import DragEditing
import Imaging
import TensorCore

/// Puts an edit of a region back into its picture, at the picture's own resolution.
///
/// The model's picture is small and differs a little from the source, so the composition takes from it only what the edit changed:
///
///     result(q) = E(q) + c(q) · (S(q + u) − R(q + u))
///
/// E is the edited picture, R the unedited reconstruction, both enlarged, and S the source. u(q) leads to the origin of the content
/// at q, and c is the confidence of that (`Correspondence`). Where nothing changed, u = 0 and E = R give the source itself. Where
/// content moved, the source's fine detail moves along. Where something new appeared, the model's picture shows.
///
/// After a stretch along the drags S and R are stretched alike: what only the stretch moved has the source's own pixels.
public struct Composition: Sendable {
    private let picture: Image
    private let region: EditRegion
    private let matte: Matte
    private let weights: [Float]

    /// - Parameters:
    ///   - picture: the whole source.
    ///   - mask: the pixels that may change, in the region's own pixels; nil: all of them.
    public init(_ picture: Image, region: EditRegion, mask: EditMask?, matte: Matte) {
        (self.picture, self.region, self.matte) = (picture, region, matte)
        let size = Size(height: picture.height, width: picture.width)
        let feather = max(2, min(region.size.height, region.size.width) / 48)
        weights = Feathering.weights(region, in: size, mask: mask, width: feather)
    }

    /// The source with the edit in its region. Pixels outside the region and outside the mask are the source's own.
    ///
    /// - Parameters:
    ///   - edit: the edited region at working size, `(1, h, w, 3)` in [0, 1].
    ///   - unedited: what the model shows without the edit, stretched as `stretch` does; of the same shape.
    ///   - stretch: of the region's picture, along the drags; nil: none.
    ///   - drags: the drags in the region's own pixels.
    public func result(edit: Tensor, unedited: Tensor, stretch: DragWarp? = nil, drags: [Drag]) -> Image {
        let working = Size(height: edit.shape[1], width: edit.shape[2])
        let (edit, plain) = (
            Plane(working, channels: 3, values: edit.values),
            Plane(working, channels: 3, values: unedited.values)
        )
        let scale = SIMD2<Float>(
            Float(working.width) / Float(region.size.width), Float(working.height) / Float(region.size.height)
        )
        let ways = drags.map { drag in
            SIMD2<Float>(Float(drag.handle.x - drag.target.x), Float(drag.handle.y - drag.target.y)) * scale
        }
        let longest = ways.map { ($0 * $0).sum().squareRoot() }.max() ?? 0
        let origin = Correspondence(
            edit: edit, reconstruction: plain, reach: longest > 0 ? Int(1.25 * longest) + 4 : 0,
            hints: ways + ways.map { 0.5 * $0 })
        return blended(edit, plain, origin, stretch, scale)
    }

    /// The source with its region stretched, and nothing of the model's.
    public func stretched(by stretch: DragWarp) -> Image {
        let nothing = Tensor.zeros([1, 8, 8, 3])
        return result(edit: nothing, unedited: nothing, stretch: stretch, drags: [])
    }

    /// The source with the model's own enlarged picture in its region. It keeps none of the source's detail there.
    ///
    /// - Parameter edit: the edited region at working size, `(1, h, w, 3)` in [0, 1].
    public func result(replacedBy edit: Tensor) -> Image {
        let enlarged = apply(
            Resize(height: region.size.height, width: region.size.width, .bilinear), Variable(edit)
        ).value.values
        let source = matte.flattened(region.cropped(picture))
        let alpha = picture.alpha.map { alpha in
            region.indices(in: picture).map { Float(alpha[$0]) / Float(picture.maximum) }
        }
        var result = picture
        for i in weights.indices where weights[i] > 0 {
            var colour = SIMD3<Float>()
            for c in 0..<3 {
                colour[c] = source[3 * i + c] + weights[i] * (enlarged[3 * i + c] - source[3 * i + c])
            }
            store(
                colour, alpha?[i], atRow: i / region.size.width, column: i % region.size.width, in: &result)
        }
        return result
    }

    /// A change below the first bound counts as none and shows nothing of the edit; above the second bound the edit shows fully.
    private static let change: (none: Float, whole: Float) = (0.012, 0.03)

    private func blended(
        _ edit: Plane, _ plain: Plane, _ origin: Correspondence, _ stretch: DragWarp?, _ scale: SIMD2<Float>
    ) -> Image {
        let source = Plane(region.size, channels: 3, values: matte.flattened(region.cropped(picture)))
        let opacity = picture.alpha.map { alpha in
            Plane(
                region.size, channels: 1,
                values: region.indices(in: picture).map { Float(alpha[$0]) / Float(picture.maximum) })
        }
        let rim = Rim(colours: source, opacity: opacity, matte: matte.level)
        let changes = Plane(origin.size, channels: 1, values: origin.change)
        let sureness = Plane(origin.size, channels: 1, values: origin.confidence)
        var result = picture
        /// The origin in the source of what the stretched source has at a place.
        func placeInSource(_ shift: SIMD2<Float>, _ row: Int, _ column: Int) -> SIMD2<Float> {
            let place = SIMD2(Float(row) + shift.y / scale.y, Float(column) + shift.x / scale.x)
            return stretch?.origin(of: place, in: region.size) ?? place
        }
        for row in 0..<region.size.height {
            for column in 0..<region.size.width where weights[row * region.size.width + column] > 0 {
                let i = row * region.size.width + column
                let (y, x) = ((Float(row) + 0.5) * scale.y - 0.5, (Float(column) + 0.5) * scale.x - 0.5)
                let share = smoothStep(
                    changes.bilinear(y, x, 0), from: Self.change.none, to: Self.change.whole)
                let base = placeInSource(.zero, row, column)
                guard share > 0 || base != SIMD2(Float(row), Float(column)) else { continue }
                let (shift, others) = origin.shifts(atRow: y, column: x)
                let from = placeInSource(shift, row, column)
                let places = others.map { placeInSource($0.shift, row, column) }
                let sure = sureness.bilinear(y, x, 0)
                var colour = SIMD3<Float>()
                for c in 0..<3 {
                    // The detail of two places side by side would show a seam; a mixture of both shows none.
                    let detail = zip(others, places).reduce(Float(0)) { sum, pair in
                        let (other, place) = pair
                        return sum + other.weight
                            * (source.bicubic(place.x, place.y, c)
                                - plain.bilinear(y + other.shift.y, x + other.shift.x, c))
                    }
                    let old = source.bicubic(base.x, base.y, c)
                    let new = old + share * (edit.bilinear(y, x, c) + sure * detail - old)
                    colour[c] = source.values[3 * i + c] + weights[i] * (new - source.values[3 * i + c])
                }
                let covering = opacity.map { opacity -> Float in
                    let old = min(max(opacity.bicubic(base.x, base.y, 0), 0), 1)
                    let moved = min(max(opacity.bicubic(from.x, from.y, 0), 0), 1)
                    let seen = max(moved, (1 - sure) * self.difference(from: colour))
                    let new =
                        old + share
                        * (min(seen, rim.opacity(of: colour, atRow: from.x, column: from.y)) - old)
                    return opacity.values[i] + weights[i] * (new - opacity.values[i])
                }
                store(colour, covering, atRow: row, column: column, in: &result)
            }
        }
        return result
    }

    /// How clearly a colour differs from the matte, 0…1. New content over transparency is opaque where it differs.
    private func difference(from colour: SIMD3<Float>) -> Float {
        smoothStep((0..<3).map { abs(colour[$0] - matte.level) }.max() ?? 0, from: 0.05, to: 0.2)
    }

    /// Removes the matte from a colour and writes the colour.
    private func store(
        _ colour: SIMD3<Float>, _ opacity: Float?, atRow row: Int, column: Int, in image: inout Image
    ) {
        let i = (region.y + row) * image.width + region.x + column
        let scale = Float(image.maximum)
        func level(_ value: Float) -> UInt16 { UInt16((min(max(value, 0), 1) * scale + 0.5).rounded(.down)) }
        for c in 0..<3 {
            let plain = opacity.map { $0 > 0 ? (colour[c] - (1 - $0) * matte.level) / $0 : 0 } ?? colour[c]
            image.samples[3 * i + c] = level(plain)
        }
        if let opacity { image.alpha?[i] = level(opacity) }
    }
}

/// The rim of what a transparent picture shows: there the model's picture mixes the content with the matte.
private struct Rim {
    /// Over the matte.
    let colours: Plane
    let opacity: Plane?
    let matte: Float

    /// The opacity at which the content near a place of the source gives a colour over the matte; 1 away from the rim.
    ///
    /// Without this the mixture is taken for opaque content, and the matte shows as a line around what was dragged.
    func opacity(of colour: SIMD3<Float>, atRow row: Float, column: Float) -> Float {
        guard let opacity else { return 1 }
        var (content, weight, least) = (SIMD3<Float>(), Float(0), Float(1))
        for y in -2...2 {
            for x in -2...2 {
                let (atRow, atColumn) = (row.rounded() + Float(y), column.rounded() + Float(x))
                let part = opacity.bilinear(atRow, atColumn, 0)
                least = min(least, part)
                for c in 0..<3 {
                    content[c] += colours.bilinear(atRow, atColumn, c) - (1 - part) * matte
                }
                weight += part
            }
        }
        guard least < 0.99, weight > 0.5 else { return 1 }
        let way = content / weight - matte
        let length = (way * way).sum()
        guard length > 0.02 else { return 1 }
        return min(max(((colour - matte) * way).sum() / length, 0), 1)
    }
}

extension Correspondence {
    /// The shift of most weight at a place between pixels, and all shifts there with their weights: one where the four neighbours
    /// agree, else theirs.
    func shifts(atRow row: Float, column: Float) -> (
        main: SIMD2<Float>, all: [(weight: Float, shift: SIMD2<Float>)]
    ) {
        let (top, left) = (row.rounded(.down), column.rounded(.down))
        func at(_ y: Int, _ x: Int) -> SIMD2<Float> {
            shifts[min(max(y, 0), size.height - 1) * size.width + min(max(x, 0), size.width - 1)]
        }
        let (y, x) = (Int(top), Int(left))
        let (a, b, c, d) = (at(y, x), at(y, x + 1), at(y + 1, x), at(y + 1, x + 1))
        let (down, across) = (row - top, column - left)
        let nearest = down < 0.5 ? (across < 0.5 ? a : b) : (across < 0.5 ? c : d)
        let agree = [a, b, c, d].allSatisfy { other in
            let apart = other - nearest
            return (apart * apart).sum() <= 4
        }
        if agree {
            let shift = (a + across * (b - a)) * (1 - down) + (c + across * (d - c)) * down
            return (shift, [(1, shift)])
        }
        return (
            nearest,
            [
                ((1 - down) * (1 - across), a), ((1 - down) * across, b), (down * (1 - across), c),
                (down * across, d),
            ]
        )
    }
}

extension EditRegion {
    /// Indices of the region's pixels in its picture, row by row.
    func indices(in picture: Image) -> [Int] {
        (0..<size.height).flatMap { row in
            let start = (y + row) * picture.width + x
            return Array(start..<start + size.width)
        }
    }

    /// The region's part of a picture, with the picture's tags.
    public func cropped(_ picture: Image) -> Image {
        let indices = indices(in: picture)
        var part = Image(
            width: size.width, height: size.height, depth: picture.depth,
            samples: indices.flatMap { picture.samples[3 * $0..<3 * $0 + 3] },
            alpha: picture.alpha.map { alpha in indices.map { alpha[$0] } })
        (part.format, part.colours, part.density) = (picture.format, picture.colours, picture.density)
        return part
    }
}
