/// A picture cannot be read or written.
public struct ImageError: Error, Sendable, Equatable {
    /// Stable and dotted: `image.format`, `image.truncated`, `image.corrupt`, `image.too_large`, `image.too_small`,
    /// `image.memory`, `image.encoding`.
    public let code: String
    /// What is wrong.
    public let message: String
    /// What to do.
    public let hint: String
}
