internal import CImageCodecs

/// The parts of a file that decide the look of its samples. A result carries them unchanged.
public struct ColourTags: Sendable, Equatable {
    /// An ICC profile; empty for none.
    public var profile: [UInt8]
    /// PNG's gAMA: 100,000 times the exponent.
    public var gamma: Int32?
    /// PNG's cHRM: x and y of white, red, green, blue, times 100,000.
    public var chromaticities: [Int32]?
    /// PNG's sRGB: the rendering intent.
    public var intent: UInt8?
    /// PNG's cICP: four code points of ITU-T H.273.
    public var codePoints: [UInt8]?

    /// Tags as given.
    public init(
        profile: [UInt8] = [], gamma: Int32? = nil, chromaticities: [Int32]? = nil, intent: UInt8? = nil,
        codePoints: [UInt8]? = nil
    ) {
        self.profile = profile
        self.gamma = gamma
        self.chromaticities = chromaticities
        self.intent = intent
        self.codePoints = codePoints
    }

    /// Whether there are tags that a JPEG cannot hold.
    var hasPNGAlone: Bool {
        codePoints != nil || (profile.isEmpty && intent == nil && (gamma != nil || chromaticities != nil))
    }

    /// libpng's message when it refuses to write these tags into an RGB picture; nil when it writes them.
    ///
    /// libpng checks a profile only while writing. This check happens before an edit, so that the edit is not lost.
    func refusal() -> String? {
        Image(width: 1, height: 1, samples: [0, 0, 0], colours: self)
            .encoded([0, 0, 0] as [UInt8], 3, depth: 8, nil) { ci_write_png(&$0, &$1, &$2, &$3, &$4) }
            .refusal
    }
}

/// The density of a picture: pixels to a unit of length.
public struct PixelDensity: Sendable, Equatable {
    /// Units of length.
    public enum Unit: Sendable {
        /// Only the ratio of the numbers is known: the shape of a pixel.
        case none
        /// Per inch.
        case inch
        /// Per centimetre.
        case centimetre
        /// Per metre.
        case metre
    }

    /// Across.
    public var x: Int
    /// Down.
    public var y: Int
    /// The unit of length.
    public var unit: Unit

    /// A density; nil where the numbers are meaningless.
    public init?(x: Int, y: Int, unit: Unit) {
        guard x > 0, y > 0, x <= Int(Int32.max), y <= Int(Int32.max), unit != .none || x != y else {
            return nil
        }
        (self.x, self.y, self.unit) = (x, y, unit)
    }

    /// The density of the picture after a quarter turn.
    var turned: PixelDensity { PixelDensity(x: y, y: x, unit: unit) ?? self }

    /// The density in PNG's units.
    var forPNG: PixelDensity? {
        switch unit {
        case .none, .metre: self
        case .inch: scaled(by: 1 / 0.0254, .metre)
        case .centimetre: scaled(by: 100, .metre)
        }
    }

    /// The density in JFIF's units, each number at most 65,535; nil where JFIF cannot hold it.
    var forJPEG: PixelDensity? {
        switch unit {
        case .none:
            scaled(by: min(1, 65535 / Double(max(x, y))), .none)
        case .inch, .centimetre: max(x, y) <= 65535 ? self : nil
        case .metre:
            scaled(by: 0.0254, .inch).flatMap(\.forJPEG) ?? scaled(by: 0.01, .centimetre).flatMap(\.forJPEG)
        }
    }

    private func scaled(by factor: Double, _ unit: Unit) -> PixelDensity? {
        let (wide, high) = ((Double(x) * factor).rounded(), (Double(y) * factor).rounded())
        guard max(wide, high) <= Double(Int32.max) else { return nil }
        return PixelDensity(x: Int(wide), y: Int(high), unit: unit)
    }
}

extension ci_tags {
    /// Tags without a profile: the caller adds that, because it must outlive the call.
    init(_ colours: ColourTags, _ density: PixelDensity?) {
        self.init()
        gamma = colours.gamma ?? 0
        intent = colours.intent.map { Int32($0) } ?? -1
        if let numbers = colours.chromaticities, numbers.count == 8 {
            has_chromaticities = 1
            withUnsafeMutableBytes(of: &chromaticities) { to in
                numbers.withUnsafeBytes { to.copyBytes(from: $0) }
            }
        }
        if let points = colours.codePoints, points.count == 4 {
            has_code_points = 1
            code_points = (points[0], points[1], points[2], points[3])
        }
        guard let density else { return }
        self.density = (UInt32(density.x), UInt32(density.y))
        density_is_metric = density.unit == .metre ? 1 : 0
        density_unit = density.unit == .inch ? 1 : density.unit == .centimetre ? 2 : 0
    }
}
