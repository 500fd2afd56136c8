import DragEditing
import Failures
import Imaging
import RegionEditing
import Settings
import SpecParser
import TensorCore
import YAMLDocuments

/// A job's edit in its region: the model's input, and the composition of the model's picture into the source.
struct RegionalEdit {
    private let picture: Image
    private let region: EditRegion
    private let keepsSource: Bool
    /// The part of the picture that the model sees.
    private let part: Image
    private let matte: Matte
    /// The drags in the region's own pixels.
    private let drags: [Drag]
    private let mask: EditMask?

    /// The edit of a plan's picture.
    init(_ picture: Image, _ region: EditRegion, _ plan: JobPlan) {
        self.picture = picture
        self.region = region
        keepsSource = plan.settings.keepsSource
        part = region.cropped(picture)
        matte = Matte(behind: picture)
        drags = plan.drags.map { drag in
            Drag(
                from: region.local(drag.handle), to: region.local(drag.target),
                regions: drag.regions.map {
                    RegionPair(from: region.cropped($0.from), to: region.cropped($0.to))
                })
        }
        mask = plan.mask.map(region.cropped)
    }

    /// The engine's input.
    func request(_ plan: JobPlan, sourcePrompt: String) -> EditRequest {
        let pixels = Tensor([1, part.height, part.width, 3], matte.flattened(part))
        return EditRequest(
            image: pixels, sourcePrompt: sourcePrompt, editPrompt: plan.parsed.spec.editPrompt, drags: drags,
            mask: mask, settings: plan.settings, seed: plan.parsed.spec.seed, method: plan.method)
    }

    /// The picture with the edit in it. If there is a mask, nothing outside it changes.
    func finished(_ result: EditResult) -> Image {
        let isPlain = region == EditRegion(whole: size) && picture.alpha == nil
        guard keepsSource || !isPlain else { return picture.replacingSamples(result.image.values) }
        func composition(_ picture: Image) -> Composition {
            Composition(picture, region: region, mask: keepsSource ? result.mask : mask, matte: matte)
        }
        guard keepsSource else { return composition(picture).result(replacedBy: result.decoded) }
        guard result.record.isStretchedLast, let stretch = result.stretch else {
            return composition(picture).result(
                edit: result.decoded, unedited: result.unedited, stretch: result.stretch, drags: drags)
        }
        let edited = composition(picture).result(
            edit: result.unstretched, unedited: result.reconstruction, drags: [])
        return composition(edited).stretched(by: stretch)
    }

    /// What a viewer sees of the region in a finished picture, at the size of `working`.
    func seen(_ finished: Image, like working: Tensor) -> Tensor {
        let pixels = Tensor([1, part.height, part.width, 3], matte.flattened(region.cropped(finished)))
        return pixels.resizedAntialiased(height: working.shape[1], width: working.shape[2])
    }

    /// The result with its points and its mask in pixels of the whole picture.
    func placed(_ result: EditResult) -> EditResult {
        var placed = result
        placed.record.grid.origin = ImagePoint(x: Double(region.x), y: Double(region.y))
        placed.mask = result.mask.map { region.embedded($0, in: size) }
        return placed
    }

    /// A sentence about the edited part and its size; nil for a whole picture at its own size.
    func note(_ result: EditResult) -> String? {
        let working = Size(height: result.working.shape[1], width: result.working.shape[2])
        guard working != size else { return nil }
        let place =
            region == EditRegion(whole: size)
            ? "the whole picture" : "region \(region.size.text) at (\(region.x), \(region.y))"
        return "edited at \(working.text) of \(size.text), \(place)"
    }

    private var size: Size { Size(height: picture.height, width: picture.width) }
}

extension Size {
    /// “width×height”.
    var text: String { "\(width)×\(height)" }
}

extension JobPlan {
    /// The part of the picture that the edit works on, in words; nil without a picture.
    public var regionText: String? {
        guard let region, let image else { return nil }
        guard region != EditRegion(whole: Size(height: image.height, width: image.width)) else {
            return "the whole picture"
        }
        return "\(region.size.text) pixels at (\(region.x), \(region.y))"
    }

    /// The region that a spec names, checked against its picture and its drags.
    ///
    /// - Parameters:
    ///   - native: longer side of the model's own pictures; nil without a model.
    /// - Throws: `spec.region` at its place.
    static func region(
        _ parsed: ParsedSpec, _ settings: EditSettings, drags: [Drag], mask: EditMask?, picture: Size,
        native: Int?
    ) throws(Failure) -> EditRegion {
        let choice: EditRegion.Choice
        if let written = try parsed.workingRectangle(width: picture.width, height: picture.height) {
            choice = .rectangle(
                EditRegion(x: written.x, y: written.y, width: written.width, height: written.height))
        } else {
            // The published methods edit the whole picture. A text is about the whole picture too, where no mask says otherwise.
            let isTextWide = settings.samplesWish(parsed.spec.editPrompt) && parsed.spec.mask.isEmpty
            let unnamed: EditSpec.WorkingRegion = settings.keepsSource && !isTextWide ? .auto : .whole
            choice = (parsed.spec.region?.value ?? unnamed) == .auto ? .auto : .whole
        }
        let region = EditRegion(
            choice, drags: drags, mask: mask, picture: picture, native: native ?? picture.longerSide,
            padding: settings.regionPadding)
        try parsed.checkDrags(
            inside: (region.x, region.y, region.size.width, region.size.height),
            width: picture.width, height: picture.height)
        return region
    }
}
