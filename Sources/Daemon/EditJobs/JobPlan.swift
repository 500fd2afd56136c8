import Diffusion
import Digests
import DragEditing
import DurableFiles
import Failures
import Foundation
import Imaging
import JobFiles
import JSON
import ModelManagement
import RegionEditing
import ServiceConfiguration
import Settings
import SpecParser
import SystemPackage
import TensorCore
import YAMLDocuments

/// Options for every job, from the configuration and the command line.
public struct JobOptions: Sendable {
    /// The preset of specs without one.
    public var preset = "recommended"
    /// The drag method of specs without one.
    public var method = MethodRow.standard
    /// The command line's drag method. It overrides the spec's.
    public var methodOverride: String?
    /// Defaults for `output` of specs.
    public var output = OutputOptions()
    /// What the command line says instead of the spec.
    public var spec = SpecOverrides()
    /// Settings of the command line, which win.
    public var overrides: [SettingAssignment] = []
    /// Captioners and their vocabulary.
    public var captions = Configuration.Captions()
    /// Answers of captioning programs that ran before the sandbox.
    public var earlyCaptions = EarlyCaptions()
    /// Limits of pictures.
    public var limits = Image.Limits()
    /// A LoRA file instead of fine-tuning.
    public var lora: String?
    /// The factor of its change.
    public var loraScale = 1.0
    /// Whether drags of points without a mask move discs around their points (`RegionPair.init(discsAround:size:)`).
    public var hasDiscsAsRegions = false

    /// The defaults.
    public init() {}

    /// The options of a configuration.
    public init(_ configuration: Configuration) {
        preset = configuration.preset
        method = configuration.method
        output = configuration.output
        captions = configuration.captions
        limits.pixels = configuration.limits.pixels
    }
}

/// A job after reading and checking. Everything is known except the caption.
public struct JobPlan: Sendable {
    /// The spec.
    public let parsed: ParsedSpec
    /// The upright picture; nil for a check of a spec alone.
    public let image: Image?
    /// The picture's file name.
    public let imageName: String
    /// SHA-256 of the picture's file.
    public let imageDigest: String
    /// The preset's name.
    public let preset: String
    /// The drag method.
    public let method: any DragMethod
    /// All settings.
    public let settings: EditSettings
    /// Drags in pixels of the upright picture.
    public let drags: [Drag]
    /// Where the picture may change; nil: everywhere.
    public let mask: EditMask?
    /// The part of the picture on which the edit works; nil without a picture.
    public let region: EditRegion?
    /// The result's format, and the files beside it.
    public let output: OutputOptions.Filled
    /// Remarks that are no errors.
    public var notes: [String]

    /// Reads a job's files and checks everything.
    ///
    /// - Parameters:
    ///   - spec: the spec's path, and the name to show for it; nil: the command line alone says what to do.
    ///   - image: the picture's path; nil: the one that the spec names, or the one of its stem.
    ///   - isImageNeeded: whether a missing picture is an error.
    ///   - recommended: the model's own values.
    public init(
        spec specPath: String?, shownAs name: String? = nil, image imagePath: String?, isImageNeeded: Bool,
        recommended: [(name: String, value: SettingValue)], model: String, options: JobOptions
    ) throws(Failure) {
        // A spec of the command line alone names no files: it has no folder.
        let path = specPath ?? ""
        parsed =
            specPath == nil
            ? try options.spec.spec()
            : try parseSpec(try Self.read(path), file: name ?? path, options.spec)
        let spec = parsed.spec
        let folder = parent(path)
        var resolved: [String: String] = [:]
        for reference in spec.references {
            resolved[PathCoding.text(of: reference.value)] = try parsed.resolve(reference) { name in
                PathCoding.resolved(name.map { "\(folder)/\(PathCoding.text(of: $0))" } ?? folder)
            }
        }
        preset = spec.preset ?? options.preset
        method = try Self.method(options.methodOverride ?? spec.method ?? options.method)
        let assignments = spec.settings + options.overrides
        settings = method.adjusted(
            try Self.settings(preset, method, assignments, recommended, model, parsed))
        output = spec.output.filled(from: options.output)
        notes =
            Self.notes(method, settings, assignments, spec) + PlanNotes.prompts(of: spec, model: model)
            + PlanNotes.unknownWords(of: spec, model: model)
        let named = imagePath ?? spec.image.flatMap { resolved[PathCoding.text(of: $0.value)] }
        let picturePath = named == nil && specPath != nil ? try Self.pictureBeside(path) : named
        guard let picturePath else {
            if isImageNeeded {
                throw Failure(
                    .missingInput, code: "image.missing", message: "there is no picture for this spec",
                    file: name ?? path,
                    hint:
                        "Put \(stem(lastComponent(path))).png or .jpg beside it, or name one with `image:`.")
            }
            (image, imageName, imageDigest, mask, region) = (nil, "", "", nil, nil)
            drags = spec.units == .pixels ? Self.drags(spec, width: 1, height: 1) : []
            notes.append("no picture at hand: points and masks are not checked")
            return
        }
        let picture = try Self.picture(
            picturePath, shownAs: PathCoding.shown(imagePath ?? picturePath), options.limits)
        try parsed.validate(width: picture.image.width, height: picture.image.height)
        (image, imageDigest) = (picture.image, picture.digest)
        imageName = spec.image?.value ?? PathCoding.shown(lastComponent(picturePath))
        let written = try Self.drags(parsed, on: picture.image)
        notes += picture.image.notes(writtenAs: output.pictureFormat(of: picture.image))
        mask = try Self.mask(parsed, resolved, picture.image, options.limits, &notes)
        drags =
            options.hasDiscsAsRegions && mask == nil ? Self.withDiscs(written, on: picture.image) : written
        do {
            try method.check(
                MethodInput(drags: drags, mask: mask, hasEditPrompt: spec.editPrompt != nil), settings)
        } catch {
            throw error.inFile(name ?? specPath.map(PathCoding.shown) ?? "command line")
        }
        notes += PlanNotes.regions(of: parsed, width: picture.image.width, height: picture.image.height)
        notes += PlanNotes.handles(drags, on: picture.image, mask: mask)
        notes += PlanNotes.dragRegions(drags, mask: mask, method, settings)
        let grid = ModelStore.workingGrid(model)
        let region = try Self.region(
            parsed, settings, drags: drags, mask: Self.extent(mask, drags),
            picture: Size(height: picture.image.height, width: picture.image.width), native: grid?.native)
        self.region = region
        let features = grid.map { Self.features(region, $0) }
        if let features {
            let handles = drags.map { HandlePoint($0, on: features) }
            notes += PlanNotes.coinciding(handles) + method.notes(handles, settings)
        }
        let cost = method.cost(settings)
        notes += DragDoubts(drags).notes(
            mask: mask, grid: features, settings: settings,
            steps: cost.isCuttable && cost.steps > 0 ? cost.steps : nil)
        if let mask {
            notes += MaskDoubts.size(of: region.cropped(mask), latent: latentSize(model))
        }
    }

    private static func picture(
        _ path: String, shownAs name: String, _ limits: Image.Limits
    ) throws(Failure) -> (image: Image, digest: String) {
        let bytes = try read(path)
        do { return (try Image(decoding: bytes, limits: limits), Digest.sha256(bytes)) } catch {
            throw error.inFile(name)
        }
    }

    private static func read(_ path: String) throws(Failure) -> [UInt8] {
        do { return try PosixFileSystem().read(path) } catch {
            throw Failure(error, error.errno == .noSuchFileOrDirectory ? .missingInput : .badPlace)
        }
    }

    /// The picture that the spec's name fits, in its folder.
    private static func pictureBeside(_ spec: String) throws(Failure) -> String? {
        let folder = parent(spec)
        let pictures: [String]
        do {
            pictures = try PosixFileSystem().list(folder).filter { $0.kind == .file }.map(\.name)
                .filter { PictureIndex.extensions.contains(fileExtension($0)) }
        } catch { throw Failure(error) }
        let name = PathCoding.text(PathCoding.bytes(lastComponent(spec)))
        let candidates = PictureIndex(pictures).candidates(for: name)
        guard candidates.count <= 1 else { throw Failure(ambiguous: name, among: candidates) }
        return candidates.first.map { "\(folder)/\($0)" }
    }

    private static func method(_ name: String) throws(Failure) -> any DragMethod {
        guard let method = DragMethods.named(name) else {
            throw Failure(
                .badSpec, code: "spec.unknown_method", message: "there is no method `\(name)`",
                hint: "Write one of: \(MethodRow.names.joined(separator: ", ")).")
        }
        return method
    }

    /// Notes on parts of the spec that the method ignores.
    private static func notes(
        _ method: any DragMethod, _ settings: EditSettings, _ assignments: [SettingAssignment],
        _ spec: EditSpec
    ) -> [String] {
        let read = method.settingNames.union(EditSettings.stageSettingNames)
        let unread = assignments.map(\.name).filter { !read.contains($0) }
        var notes =
            unread.isEmpty
            ? []
            : [
                "the method `\(method.name)` does not read \(unread.map { "`\($0)`" }.joined(separator: ", "))"
            ]
        if !spec.mask.isEmpty && !method.needs(settings).mask && settings.warp == 0 {
            notes.append("the method `\(method.name)` does not use the mask")
        }
        return notes
    }

    private static func settings(
        _ name: String, _ method: any DragMethod, _ assignments: [SettingAssignment],
        _ recommended: [(name: String, value: SettingValue)], _ model: String,
        _ parsed: ParsedSpec
    ) throws(Failure) -> EditSettings {
        var settings: EditSettings
        do {
            settings = try (Preset(rawValue: name) ?? .recommended).settings(
                of: MethodRow.named(method.name) ?? .standardRow, model: recommended)
            for assignment in assignments {
                try settings.set(assignment.name, to: assignment.value)
            }
        } catch {
            throw Failure(
                .badModel, code: "model.config", message: error.message, file: "\(model)/clipdrag.json",
                hint: error.hint)
        }
        guard settings.invertedStepCount >= 1 else {
            let mark =
                assignments.last { ["inversion_strength", "num_steps"].contains($0.name) }?.mark ?? .start
            throw parsed.error(
                "spec.range",
                "inversion_strength \(settings.inversionStrength) of \(settings.stepCount) steps leaves no step",
                at: mark, do: "Raise one of the two.")
        }
        return settings
    }

    private static func drags(_ spec: EditSpec, width: Int, height: Int) -> [Drag] {
        let scale = spec.units == .relative ? (Double(width), Double(height)) : (1, 1)
        func point(_ p: EditSpec.Point) -> ImagePoint { ImagePoint(x: p.x * scale.0, y: p.y * scale.1) }
        return spec.drags.map { Drag(from: point($0.from.value), to: point($0.to.value)) }
    }

    /// The drags on a picture, with the pixels of their regions.
    ///
    /// - Throws: `spec.empty_region` where a region covers the middle of no pixel.
    private static func drags(_ parsed: ParsedSpec, on image: Image) throws(Failure) -> [Drag] {
        var drags = drags(parsed.spec, width: image.width, height: image.height)
        let size = Size(height: image.height, width: image.width)
        for (i, written) in parsed.spec.drags.enumerated() {
            guard let regions = written.regions else { continue }
            var masks: [EditMask] = []
            for (region, mark) in [(regions.from, written.from.mark), (regions.to, written.to.mark)] {
                let shapes = shape(region, parsed.spec.units, image).map { [$0] } ?? []
                let mask = EditMask(
                    size: size, values: MaskShape.union(shapes, width: image.width, height: image.height))
                guard !mask.isEmpty else {
                    throw parsed.error(
                        "spec.empty_region", "the region covers the middle of no pixel", at: mark,
                        do: "Make it larger.")
                }
                masks.append(mask)
            }
            drags[i].regions = RegionPair(from: masks[0], to: masks[1])
        }
        return drags
    }

    /// The drags with discs as regions where they have none.
    private static func withDiscs(_ drags: [Drag], on image: Image) -> [Drag] {
        let size = Size(height: image.height, width: image.width)
        return drags.map { drag in
            Drag(
                from: drag.handle, to: drag.target,
                regions: drag.regions ?? RegionPair(discsAround: drag, size: size))
        }
    }

    /// A region in pixels; nil for a file.
    private static func shape(
        _ region: EditSpec.Region, _ units: EditSpec.Units, _ image: Image
    ) -> MaskShape? {
        let scale = units == .relative ? (Double(image.width), Double(image.height)) : (1, 1)
        switch region {
        case .file: return nil
        case .rectangle(let x, let y, let w, let h):
            return .rectangle(x: x * scale.0, y: y * scale.1, width: w * scale.0, height: h * scale.1)
        case .circle(let x, let y, let r):
            return .circle(x: x * scale.0, y: y * scale.1, radius: r * max(scale.0, scale.1))
        case .polygon(let corners):
            return .polygon(corners.map { ($0.x * scale.0, $0.y * scale.1) })
        }
    }

    /// The mask with the regions of drags: what an automatic region of the picture surrounds.
    private static func extent(_ mask: EditMask?, _ drags: [Drag]) -> EditMask? {
        let regions = drags.compactMap(\.regions).flatMap { [$0.from, $0.to] }
        return regions.first.map { (mask ?? $0).union(regions) } ?? mask
    }

    /// The model's feature grid over a region.
    private static func features(_ region: EditRegion, _ model: (native: Int, multiple: Int)) -> FeatureGrid {
        let working = WorkingSize.of(region.size, native: model.native, multiple: model.multiple)
        var grid = FeatureGrid(working: working, image: region.size)
        grid.origin = ImagePoint(x: Double(region.x), y: Double(region.y))
        return grid
    }

    /// The mask of a spec that has run; nil where it has none, or its files are not at hand.
    ///
    /// - Parameter folder: where the files lie that it names.
    public static func mask(ofSpec bytes: [UInt8], picture: Image, folder: String) -> EditMask? {
        guard let parsed = try? parseSpec(bytes, file: "spec.yaml") else { return nil }
        var files: [String: String] = [:]
        for case .file(let name) in parsed.spec.mask.map(\.value) where !name.contains("/") {
            let file = PathCoding.text(of: name)
            files[file] = "\(folder)/\(file)"
        }
        var notes: [String] = []
        return try? mask(parsed, files, picture, Image.Limits(), &notes)
    }

    private static func mask(
        _ parsed: ParsedSpec, _ files: [String: String], _ image: Image, _ limits: Image.Limits,
        _ notes: inout [String]
    ) throws(Failure) -> EditMask? {
        let regions = parsed.spec.mask
        guard !regions.isEmpty else { return nil }
        let size = Size(height: image.height, width: image.width)
        var inside = [Bool](repeating: false, count: image.width * image.height)
        var shapes: [MaskShape] = []
        for region in regions {
            if let shape = shape(region.value, parsed.spec.units, image) { shapes.append(shape) }
            if case .file(let name) = region.value {
                var maskLimits = limits
                maskLimits.shortestSide = 1
                let picture = try picture(files[PathCoding.text(of: name)] ?? name, shownAs: name, maskLimits)
                    .image
                let file = try MaskFile(picture, named: name, at: region.mark, in: parsed, for: image)
                notes += file.notes + MaskDoubts.noise(in: file.mask, named: name)
                for (i, value) in file.mask.values.enumerated() where value { inside[i] = true }
            }
        }
        if !shapes.isEmpty {
            for (i, value) in MaskShape.union(shapes, width: image.width, height: image.height).enumerated()
            where value { inside[i] = true }
        }
        guard inside.contains(true) else {
            throw parsed.error(
                "spec.empty_mask", "the mask covers the middle of no pixel", at: regions[0].mark,
                do: "Make it larger. Without `mask` all may change.")
        }
        return EditMask(size: size, values: inside)
    }
}
