import Failures
import Foundation
import Settings
import YAMLDocuments

extension ParsedSpec {
    /// Checks that points and masks lie in the picture.
    ///
    /// - Parameters:
    ///   - width: width of the upright picture, pixels.
    ///   - height: height of the upright picture, pixels.
    public func validate(width: Int, height: Int) throws(Failure) {
        for drag in spec.drags {
            let names =
                drag.regions == nil ? ["`from`", "`to`"] : ["the middle of `from`", "the middle of `to`"]
            for (point, name) in zip([drag.from, drag.to], names) where spec.units == .pixels {
                guard point.value.x < Double(width), point.value.y < Double(height) else {
                    throw dragError(
                        "spec.point_outside",
                        "\(name) is at (\(plainNumber(point.value.x)), \(plainNumber(point.value.y))), outside the picture of \(width)×\(height) pixels",
                        at: point.mark,
                        do: "Write x from 0 to \(width - 1) and y from 0 to \(height - 1)."
                            + (isExchanged(point.value, width, height)
                                ? " x comes first: [\(plainNumber(point.value.y)), \(plainNumber(point.value.x))] lies in the picture."
                                : ""))
                }
            }
        }
        for region in spec.mask where !touches(region.value, width: Double(width), height: Double(height)) {
            throw error(
                "spec.mask_outside",
                "this region of the mask lies outside the picture of \(width)×\(height) pixels",
                at: region.mark, do: "Write regions in the picture's pixels.")
        }
    }

    /// Whether the size of its picture can make the spec wrong.
    public var dependsOnSize: Bool {
        if case .rectangle? = spec.region?.value { return true }
        return !spec.drags.isEmpty || !spec.mask.isEmpty
    }

    /// Checks that a picture that the spec names as a mask is as large as the edited one, or a whole multiple of it.
    ///
    /// - Parameters:
    ///   - name: its name in the spec, at `mark`.
    ///   - size: columns and rows of the upright mask.
    ///   - picture: those of the upright picture.
    /// - Returns: the multiple.
    /// - Throws: `spec.mask_size`.
    public func maskScale(
        _ name: String, at mark: SourceMark, of size: (width: Int, height: Int),
        on picture: (width: Int, height: Int)
    ) throws(Failure) -> Int {
        let scale = size.width / picture.width
        // Without a product, which could overflow.
        guard scale >= 1, scale == size.height / picture.height, size.width % picture.width == 0,
            size.height % picture.height == 0
        else {
            let isTurned = size == (picture.height, picture.width)
            throw error(
                "spec.mask_size",
                "the mask \(name) has \(size.width)×\(size.height) pixels, the picture \(picture.width)×\(picture.height)",
                at: mark,
                do: isTurned
                    ? "Turn the mask by a quarter: it belongs to the upright picture, as its orientation sets it."
                    : "Make the mask as large as the picture, or a whole multiple of it.")
        }
        return scale
    }

    /// The shortest side of a region on which an edit works, pixels.
    private static let shortestSide = 32

    /// The rectangle of the spec's `region` in pixels; nil when it has none.
    ///
    /// - Parameters:
    ///   - width: width of the upright picture, pixels.
    ///   - height: height of the upright picture, pixels.
    /// - Throws: `spec.region` when too little of it lies in the picture.
    public func workingRectangle(width: Int, height: Int) throws(Failure) -> (
        x: Int, y: Int, width: Int, height: Int
    )? {
        guard let written = spec.region, case .rectangle(let x, let y, let w, let h) = written.value else {
            return nil
        }
        let scale = spec.units == .relative ? (Double(width), Double(height)) : (1, 1)
        /// An edge in the picture. A number of a spec can be larger than any whole one.
        func edge(_ place: Double, _ side: Int) -> Int { Int(min(max(place.rounded(), 0), Double(side))) }
        let (left, right) = (edge(x * scale.0, width), edge((x + w) * scale.0, width))
        let (top, bottom) = (edge(y * scale.1, height), edge((y + h) * scale.1, height))
        guard right - left >= Self.shortestSide, bottom - top >= Self.shortestSide else {
            throw error(
                "spec.region",
                "the region has \(max(0, right - left))×\(max(0, bottom - top)) pixels inside the picture of \(width)×\(height)",
                at: written.mark, do: "Give it at least \(Self.shortestSide) pixels on each side.")
        }
        return (left, top, right - left, bottom - top)
    }

    /// Checks that the drags begin and end in a region of the picture.
    ///
    /// - Parameters:
    ///   - region: in pixels.
    ///   - width: width of the upright picture, pixels.
    ///   - height: height of the upright picture, pixels.
    /// - Throws: `spec.region`.
    public func checkDrags(
        inside region: (x: Int, y: Int, width: Int, height: Int), width: Int, height: Int
    ) throws(Failure) {
        let scale = spec.units == .relative ? (Double(width), Double(height)) : (1, 1)
        let columns = Double(region.x)..<Double(region.x + region.width)
        let rows = Double(region.y)..<Double(region.y + region.height)
        for point in spec.drags.flatMap({ [$0.from, $0.to] }) {
            let isInside =
                columns.contains(point.value.x * scale.0) && rows.contains(point.value.y * scale.1)
            guard isInside else {
                throw dragError(
                    "spec.region",
                    "this point lies outside the region \(region.width)×\(region.height) at (\(region.x), \(region.y))",
                    at: point.mark, do: "Enlarge `region`, or write `region: auto`.")
            }
        }
    }

    /// Whether a point outside the picture would lie in it with x and y exchanged.
    private func isExchanged(_ point: EditSpec.Point, _ width: Int, _ height: Int) -> Bool {
        point.y < Double(width) && point.x < Double(height)
    }

    private func touches(_ region: EditSpec.Region, width: Double, height: Double) -> Bool {
        let scale = spec.units == .relative ? (width, height) : (1, 1)
        switch region {
        case .file: return true
        case .rectangle(let x, let y, let w, let h):
            return x * scale.0 < width && y * scale.1 < height && (x + w) > 0 && (y + h) > 0
        case .circle(let x, let y, let r):
            return (x - r) * scale.0 < width && (y - r) * scale.1 < height && x + r > 0 && y + r > 0
        case .polygon(let corners):
            return (corners.map(\.x).min() ?? 0) * scale.0 < width
                && (corners.map(\.y).min() ?? 0) * scale.1 < height
                && (corners.map(\.x).max() ?? 0) > 0 && (corners.map(\.y).max() ?? 0) > 0
        }
    }

    /// What people write where they mean no file.
    private static let wordsForNone: Set<String> = ["none", "nil", "no", "off", "false", "auto"]

    /// The path of a file that the spec names. The name must be relative, and the file must exist in the spec's own folder
    /// after following symbolic links.
    ///
    /// - Parameter realPath: gives the real path of a file in the folder, or of the folder for nil; nil where it does not exist.
    /// - Throws: the spec's error at the name's place.
    public func resolve(_ reference: Located<String>, realPath: (_ name: String?) -> String?)
        throws(Failure) -> String
    {
        let name = reference.value
        guard !name.hasPrefix("/"), !name.hasPrefix("~") else {
            throw error(
                "spec.reference_absolute", "`\(name)` is an absolute path", at: reference.mark,
                do: "Name a file in the spec's own folder.")
        }
        guard let root = realPath(nil) else {
            throw error(
                "spec.reference_missing", "the folder of `\(name)` is not there", at: reference.mark,
                do: "Put the file beside the spec.")
        }
        guard let path = realPath(name) else {
            let comment = source.commentCutting(name, at: reference.mark)
            throw error(
                "spec.reference_missing", "`\(name)` is not there", at: reference.mark,
                do: "Put the file beside the spec, or correct its name."
                    + (Self.wordsForNone.contains(name.lowercased())
                        ? " For no file, leave the key out." : "")
                    + (comment.map { " If `\($0.words)` belongs to the name, quote the whole of it." } ?? ""))
        }
        guard path.hasPrefix(root == "/" ? "/" : root + "/") else {
            throw error(
                "spec.reference_outside", "`\(name)` lies outside the spec's folder", at: reference.mark,
                do: "Copy the file beside the spec; links out of the folder are not followed.")
        }
        return path
    }
}
