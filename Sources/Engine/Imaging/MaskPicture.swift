/// A mask from a picture: the pixels that an edit may change in another picture.
public struct MaskPicture: Sendable, Equatable {
    /// A pixel may change from this luma or opacity on, of 255.
    public static let threshold = 128

    /// Columns.
    public let width: Int
    /// Rows.
    public let height: Int
    /// Whether each pixel may change, row by row.
    public let values: [Bool]
    /// Whether the alpha channel gave the form, because the visible colours have none.
    public let isFromAlpha: Bool
    /// The largest of the values that it compared with the threshold, 0…255.
    public let largest: Int

    /// Reads a picture: white, opaque pixels may change. If all visible pixels are on one side of the threshold and some pixels are
    /// transparent, the alpha channel gives the form: opaque pixels of any colour may change.
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
