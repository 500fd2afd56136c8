/// What is published beside the result.
public struct OutputOptions: Sendable, Equatable {
    /// The result's format; `same` as the input's.
    public var format: String?
    /// JPEG quality, 1…100.
    public var quality: Int?
    /// `overlay`, `animation`, `comparison`.
    public var extras: [String]?
    /// `none`, `clip`, `full`.
    public var metrics: String?

    /// The words of `format`.
    public static let formats = ["same", "png", "jpeg"]
    /// The words of `extras`.
    public static let allExtras = ["overlay", "animation", "comparison"]
    /// The words of `metrics`.
    public static let allMetrics = ["none", "clip", "full"]
    /// The range of `quality`.
    public static let qualities = 1...100

    /// Nothing said.
    public init() {}

    /// What a job leaves out taken from defaults.
    public func filled(from defaults: OutputOptions) -> OutputOptions {
        var filled = self
        filled.format = format ?? defaults.format ?? "same"
        filled.quality = quality ?? defaults.quality ?? 95
        filled.extras = extras ?? defaults.extras ?? []
        filled.metrics = metrics ?? defaults.metrics ?? "clip"
        return filled
    }
}
