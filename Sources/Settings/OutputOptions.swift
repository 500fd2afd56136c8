/// `output` of a spec or a configuration: the result's format, and the files beside it.
public struct OutputOptions: Sendable, Equatable {
    /// Formats of the result.
    public enum Format: String, Sendable, CaseIterable {
        /// The input's own.
        case same
        case png, jpeg
    }

    /// Files beside the result.
    public enum Extra: String, Sendable, CaseIterable {
        case overlay, animation, comparison, preview, report
    }

    /// Which figures of merit are computed.
    public enum MetricsLevel: String, Sendable, CaseIterable {
        case none
        /// CLIP scores.
        case clip
        /// CLIP scores and the mean distance.
        case full
    }

    /// The same with every value filled in.
    public struct Filled: Sendable, Equatable {
        /// The result's format.
        public let format: Format
        /// JPEG quality, 1…100.
        public let quality: Int
        /// Files beside the result.
        public let extras: [Extra]
        /// Which figures of merit are computed.
        public let metrics: MetricsLevel
    }

    /// The result's format.
    public var format: Format?
    /// JPEG quality.
    public var quality: Int?
    /// Files beside the result.
    public var extras: [Extra]?
    /// Which figures of merit are computed.
    public var metrics: MetricsLevel?

    /// The range of `quality`.
    public static let qualities = 1...100

    /// No value.
    public init() {}

    /// The options with absent values filled in from `defaults`, then from the program's own defaults.
    public func filled(from defaults: OutputOptions = OutputOptions()) -> Filled {
        Filled(
            format: format ?? defaults.format ?? .same, quality: quality ?? defaults.quality ?? 95,
            extras: extras ?? defaults.extras ?? [], metrics: metrics ?? defaults.metrics ?? .clip)
    }
}
