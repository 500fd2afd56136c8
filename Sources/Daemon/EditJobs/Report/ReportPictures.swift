import DragEditing
import Failures
import Foundation
import Imaging

/// A report's copies of the pictures, small enough that the page stays below 1.5 MB.
struct ReportPictures {
    /// The longer side of a copy at most, pixels.
    static let longestSide = 1280
    /// Bytes of one copy at most, as far as shrinking it can do that.
    static let byteLimit = 380_000
    /// Bytes up to which a copy stays a PNG.
    private static let losslessLimit = 160_000

    let before, mask: String?
    let after: String
    /// How the copies differ from the files, in words; empty when they do not.
    let shown: String

    /// - Throws: `image.…` when a picture cannot be written.
    init(source: Image?, edited: Image, mask: EditMask?) throws(Failure) {
        let after = try Self.copy(of: edited)
        let before: (uri: String, isExact: Bool)? =
            if let source { try Self.copy(of: source) } else { nil }
        self.after = after.uri
        self.before = before?.uri
        self.mask = if let mask { try Self.veil(mask) } else { nil }
        let isExact = after.isExact && before?.isExact ?? true
        shown = isExact ? "" : "The page shows reduced copies."
    }

    /// A picture as a data URI: PNG where that is small, else JPEG, and smaller until it fits.
    private static func copy(of picture: Image) throws(Failure) -> (uri: String, isExact: Bool) {
        var side = min(longestSide, max(picture.width, picture.height))
        while true {
            let small = picture.reduced(toLongerSide: side)
            let png = try small.pngBytes()
            let isWhole = small.width == picture.width
            if png.count <= (small.alpha == nil ? losslessLimit : byteLimit) {
                return (uri(png, "png"), isWhole)
            }
            if small.alpha == nil {
                let jpeg = try small.jpegBytes(quality: 90)
                if jpeg.count <= byteLimit { return (uri(jpeg, "jpeg"), false) }
            }
            guard side > 64 else { return (uri(png, "png"), false) }
            side = side * 4 / 5
        }
    }

    /// What the mask holds, as a dark veil.
    private static func veil(_ mask: EditMask) throws(Failure) -> String {
        let longer = mask.size.longerSide
        let side = min(longer, 640)
        let size = Size(
            height: max(1, mask.size.height * side / longer), width: max(1, mask.size.width * side / longer))
        let values = mask.resized(to: size).values
        let veil = Image(
            width: size.width, height: size.height,
            samples: [UInt16](repeating: 0, count: 3 * values.count), alpha: values.map { $0 ? 0 : 150 })
        return uri(try veil.pngBytes(), "png")
    }

    private static func uri(_ bytes: [UInt8], _ kind: String) -> String {
        "data:image/\(kind);base64,\(Data(bytes).base64EncodedString())"
    }
}
