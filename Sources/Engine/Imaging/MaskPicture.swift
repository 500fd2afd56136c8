/// A picture read as a mask: where an edit may change the other one.
public struct MaskPicture: Sendable, Equatable {
    /// From this value of 255 on a pixel may change, by luma or by opacity.
    public static let threshold = 128

    /// Columns.
    public let width: Int
    /// Rows.
    public let height: Int
    /// Whether each pixel may change, row by row.
    public let values: [Bool]
    /// Whether the form was read from the alpha channel, because the visible colour has none.
    public let isFromAlpha: Bool
    /// The largest of the values that were compared with the threshold, 0…255.
    public let largest: Int

    /// Reads a picture: white and opaque may change. Where all that is visible lies on one side of the threshold and some
    /// of the picture is transparent, the form lies in the alpha channel: opaque may change, whatever its colour.
    public init(_ image: Image) {
        (width, height) = (image.width, image.height)
        let lumas = (0..<image.width * image.height).map { image.luma(at: $0) }
        guard let alpha = image.alpha else {
            (values, isFromAlpha, largest) = (Self.cut(lumas), false, lumas.max() ?? 0)
            return
        }
        let opacities = alpha.map { image.depth == 16 ? Int($0) >> 8 : Int($0) }
        let visible = lumas.indices.filter { opacities[$0] >= Self.threshold }
        let white = visible.count { lumas[$0] >= Self.threshold }
        if visible.count < lumas.count && (white == 0 || white == visible.count) {
            (values, isFromAlpha, largest) = (Self.cut(opacities), true, opacities.max() ?? 0)
        } else {
            let both = zip(lumas, opacities).map { min($0, $1) }
            (values, isFromAlpha, largest) = (Self.cut(both), false, both.max() ?? 0)
        }
    }

    /// Whether no pixel may change.
    public var isBlack: Bool { !values.contains(true) }

    private static func cut(_ values: [Int]) -> [Bool] { values.map { $0 >= threshold } }
}
