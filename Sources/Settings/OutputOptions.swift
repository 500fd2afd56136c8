/// What is published beside the result, as a spec or a configuration says it.
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

    /// The same with nothing left out.
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

    /// Nothing said.
    public init() {}

    /// What is left out taken from defaults, then from what holds where nobody says otherwise.
    public func filled(from defaults: OutputOptions = OutputOptions()) -> Filled {
        Filled(
            format: format ?? defaults.format ?? .same, quality: quality ?? defaults.quality ?? 95,
            extras: extras ?? defaults.extras ?? [], metrics: metrics ?? defaults.metrics ?? .clip)
    }
}
