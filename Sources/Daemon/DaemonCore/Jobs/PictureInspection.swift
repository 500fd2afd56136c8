/// What the daemon learns of a picture from its file. It decodes none.
public struct PictureInspection: Sendable {
    /// Whether a picture's bytes are all there.
    public var completeness: @Sendable ([UInt8]) -> PictureCompleteness
    /// Columns and rows of the upright picture; nil where the file's header does not tell.
    public var size: @Sendable ([UInt8]) -> (width: Int, height: Int)?
    /// The shortest side of a picture that an edit takes, pixels.
    public var shortestSide: Int

    /// An inspection.
    public init(
        shortestSide: Int, completeness: @escaping @Sendable ([UInt8]) -> PictureCompleteness,
        size: @escaping @Sendable ([UInt8]) -> (width: Int, height: Int)?
    ) {
        self.completeness = completeness
        self.size = size
        self.shortestSide = shortestSide
    }
}
