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
