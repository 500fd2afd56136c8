import DragEditing
import Imaging
import RegionEditing
import Settings
import TensorCore

/// What a plan asks for, drawn without a model: the picture with its marks, and beside it the picture stretched by `DragWarp`
/// as the edit stretches it, or all the way.
public struct EditPreview {
    /// The longer side of each half at most, pixels.
    public static let longestSide = 1280
    /// A smaller picture is shown enlarged up to about this side, so that its marks are seen well.
    private static let shortestSide = 640
    /// The longer side of the field of shifts where the model's own grid is not known, cells.
    private static let gridSide = 64

    private let picture: Image
    /// How many times as large as `picture` the halves are.
    let zoom: Int
    private let region: EditRegion
    private let drags: [Drag]
    /// What may change, of the shown size; nil: everything.
    private let mask: EditMask?
    private let isMaskGiven: Bool
    private let grid: Size
    /// Part of each drag by which the picture is stretched: as the edit does it, or the whole way where it does not.
    private let part: Double

    /// The preview of a plan; nil for a plan without a picture.
    ///
    /// - Parameter latent: rows and columns of the model's latent, if they are known.
    public init?(_ plan: JobPlan, latent: Size?) {
        guard let image = plan.image, let planned = plan.region else { return nil }
        var flat = image
        if image.alpha != nil {
            flat = image.replacingSamples(Matte(behind: image).flattened(image))
            flat.alpha = nil
        }
        picture = flat.reduced(toLongerSide: Self.longestSide)
        zoom = max(1, Self.shortestSide / max(picture.width, picture.height))
        let (across, down) = (
            Double(picture.width) / Double(image.width), Double(picture.height) / Double(image.height)
        )
        func shown(_ point: ImagePoint) -> ImagePoint { ImagePoint(x: point.x * across, y: point.y * down) }
        drags = plan.drags.map { Drag(from: shown($0.handle), to: shown($0.target)) }
        let size = Size(height: picture.height, width: picture.width)
        let left = min(size.width - 1, Int(Double(planned.x) * across))
        let top = min(size.height - 1, Int(Double(planned.y) * down))
        region = EditRegion(
            x: left, y: top,
            width: max(1, min(size.width - left, Int((Double(planned.size.width) * across).rounded()))),
            height: max(1, min(size.height - top, Int((Double(planned.size.height) * down).rounded()))))
        isMaskGiven = plan.mask != nil
        mask =
            plan.mask?.resized(to: size)
            ?? (plan.settings.autoMask && !drags.isEmpty ? .around(drags, size: size) : nil)
        part = plan.settings.warp > 0 ? plan.settings.warp : 1
        grid = latent ?? WorkingSize.of(region.size, native: Self.gridSide, multiple: 1)
    }

    /// The picture with handles, arrows, the mask and the region that is edited; beside it the stretched picture.
    public var image: Image { Image.sideBySide([marked, stretched.enlarged(by: zoom)]) }

    /// The enlarged picture with its marks.
    var marked: Image {
        var image = picture.enlarged(by: zoom)
        func enlarged(_ point: ImagePoint) -> (x: Double, y: Double) {
            let scale = Double(zoom)
            return ((point.x + 0.5) * scale - 0.5, (point.y + 0.5) * scale - 0.5)
        }
        if let mask = mask?.resized(to: Size(height: image.height, width: image.width)) {
            image.dim(outside: mask.values)
            image.drawRim(of: mask.values, .rim)
        }
        if region != EditRegion(whole: Size(height: picture.height, width: picture.width)) {
            image.drawFrame(
                x: zoom * region.x, y: zoom * region.y, width: zoom * region.size.width,
                height: zoom * region.size.height, .frame)
        }
        let stroke = image.strokeWidth
        for drag in drags {
            image.drawArrow(
                from: enlarged(drag.handle), to: enlarged(drag.target), width: stroke, .target)
        }
        for (i, drag) in drags.enumerated() {
            let (x, y) = enlarged(drag.handle)
            image.drawDisc(x: x, y: y, radius: 2 * stroke, .handle)
            if drags.count > 1 { image.drawNumber(i + 1, x: x + 3 * stroke, y: y - 6 * stroke) }
        }
        return image
    }

    /// The picture with its content shifted as far as the drags say and the mask leaves room.
    var stretched: Image {
        guard !drags.isEmpty else { return picture }
        let (width, height) = (region.size.width, region.size.height)
        let scale = Float(picture.maximum)
        func start(_ row: Int) -> Int { 3 * ((region.y + row) * picture.width + region.x) }
        let crop = Tensor([1, height, width, 3]) { out in
            for row in 0..<height {
                for i in 0..<3 * width {
                    out[3 * row * width + i] = Float(picture.samples[start(row) + i]) / scale
                }
            }
        }
        let held = isMaskGiven ? mask.map { region.cropped($0).resized(to: grid) } : nil
        let warp = DragWarp(
            drags.map { Drag(from: region.local($0.handle), to: region.local($0.target)) }, part: part,
            of: crop, image: region.size, mask: held, grid: grid)
        var image = picture
        warp.warped(crop).withUnsafeValues { warped in
            for row in 0..<height {
                for i in 0..<3 * width {
                    let value = min(max(warped[3 * row * width + i], 0), 1)
                    image.samples[start(row) + i] = UInt16((value * scale + 0.5).rounded(.down))
                }
            }
        }
        return image
    }
}
